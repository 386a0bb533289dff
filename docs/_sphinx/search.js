// Of pages that hold the words equally well, Sphinx lists the first in the alphabet first: design notes and the reference
// before what explains. Here the answers to questions come first, then the tutorials, the reference, the design notes.
var Scorer = {
  score: ([page, title, anchor, description, score, file, kind]) => {
    if (kind !== "text" && kind !== "title") return score;
    if (page === "questions") return score + 3;
    if (page.startsWith("design/")) return score - 3;
    return page.includes("/") ? score : score + 2;
  },

  objNameMatch: 14, // the name of a function, typed as it is, stays ahead of these; 11 without this file

  // The rest is what Sphinx has without this file.
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
