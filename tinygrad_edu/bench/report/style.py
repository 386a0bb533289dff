"""The style of a page: light and dark, on a phone and on a large screen."""

from __future__ import annotations

from .colours import DARK, FONT, LIGHT


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"{name}:{colour};" for name, colour in colours.items())


PIECE = f"""
.tinygrad-report{{{_variables(LIGHT)}--wash:#f2f5fa;color:var(--ink);background:var(--paper);
font:16px/1.6 {FONT};max-width:46rem;padding:1rem 1.25rem;border-radius:.5rem}}
.tinygrad-report h2{{font-size:1.25rem;line-height:1.3;margin:0 0 .5rem;color:inherit}}
.tinygrad-report p{{margin:.5rem 0;max-width:42rem}}
.tinygrad-report svg{{display:block;width:100%;max-width:34rem;height:auto}}
@media (prefers-color-scheme:dark){{.tinygrad-report{{{_variables(DARK)}--wash:#1f242d}}}}
"""

PAGE = f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}--wash:#f2f5fa}}
@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}--wash:#1f242d}}}}
*{{box-sizing:border-box}}
html{{-webkit-text-size-adjust:100%}}
body{{margin:0;background:var(--paper);color:var(--ink);font:17px/1.6 {FONT};overflow-wrap:break-word}}
main{{max-width:62rem;margin:0 auto;padding:4.5rem 1.5rem 6rem}}
h1,h2,h3{{line-height:1.2;letter-spacing:-.015em;text-wrap:balance;font-weight:650}}
h1{{font-size:clamp(1.8rem,1.2rem + 3vw,2.9rem);margin:.4rem 0 1.6rem;max-width:22ch}}
h2{{font-size:1.45rem;margin:5rem 0 1.5rem}}
h3{{font-size:1.05rem;margin:0 0 .6rem}}
p{{margin:0 0 1rem;max-width:42rem}}
.about,.caption,.note,dt,figcaption{{color:var(--soft)}}
.about{{margin:0;font-size:.95rem}}
.reason{{font-size:1.08rem}}
.second{{border-top:1px solid var(--grid);margin-top:4rem;padding-top:2rem}}
.second h2{{margin:0 0 .6rem}}
.second .facts{{border-top:0;margin-top:.5rem}}
.remarks{{background:var(--wash);border-radius:.6rem;padding:1rem 1.25rem;margin:2rem 0 0;max-width:46rem;
font-size:.95rem}}
.remarks ul{{margin:0;padding:0;list-style:none}}
.remarks+.reason{{margin-top:2rem}}
.remarks li+li{{margin-top:.5rem}}
.facts{{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:1.4rem 1.5rem;margin:2.2rem 0 0;
padding:1.4rem 0;border-top:1px solid var(--grid);border-bottom:1px solid var(--grid)}}
.facts dt{{font-size:.82rem;line-height:1.35}}
.facts dd{{margin:.15rem 0 0;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}}
figure{{margin:0;min-width:0}}
figure svg{{display:block;width:100%;height:auto}}
figcaption{{font-size:.95rem;line-height:1.5;margin-top:.8rem;max-width:42rem}}
.first{{margin-top:4rem}}
.first h2{{margin:0 0 1rem}}
.narrow{{display:none}}
.others{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:3.8rem 3rem;
margin-top:4rem}}
.scroll{{overflow-x:auto;margin:0 0 .4rem}}
.scroll:focus-visible,summary:focus-visible{{outline:2px solid var(--accent);outline-offset:3px}}
.numbers{{margin-bottom:2.8rem}}
table{{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}}
caption{{text-align:left;font-weight:650;padding-bottom:.4rem;font-size:1.05rem;white-space:nowrap}}
th,td{{padding:.36rem 1.15rem .36rem 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid);
font-weight:400}}
thead th{{color:var(--soft);font-size:.85rem;line-height:1.3;vertical-align:bottom;
white-space:normal;min-width:4.4rem}}
th:last-child,td:last-child{{padding-right:.2rem}}
.note{{font-size:.88rem;line-height:1.5}}
summary{{cursor:pointer;font-weight:650;font-size:1.05rem;margin-bottom:.6rem}}
.settings{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,17rem),1fr));gap:2.5rem 3rem}}
.settings dl{{margin:0;font-size:.92rem;line-height:1.5;display:grid;grid-template-columns:minmax(0,8rem) 1fr;
gap:.3rem 1.2rem;align-content:start}}
.settings+.note{{margin-top:3rem}}
.settings dd{{margin:0;min-width:0;overflow-wrap:anywhere}}
@media (max-width:40rem){{
body{{font-size:16px}}
main{{padding:2.2rem 1rem 4rem}}
h2{{margin-top:3.5rem}}
.first,.others{{margin-top:2.8rem}}
.facts{{grid-template-columns:1fr 1fr;gap:1.1rem 1rem}}
.wide{{display:none}}
.narrow{{display:block}}
}}
@media print{{main{{max-width:none;padding:0}}figure,.numbers{{break-inside:avoid}}}}
"""
