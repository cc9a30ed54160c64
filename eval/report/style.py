"""The look of report.html: system fonts, one column on a phone, light and dark."""

CSS = """
:root { color-scheme: light dark; --ground: #fff; --block: #f7f7f8; --line: #dfe1e5; --ink: #171a1f; --soft: #5b6270;
  --warn: #8a5600; --warn-ground: #fff6e5; }
@media (prefers-color-scheme: dark) { :root { --ground: #171a1f; --block: #20242b; --line: #383d47; --ink: #eeeff1;
  --soft: #a4abb8; --warn: #f0c069; --warn-ground: #2c2517; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 1000px; padding: 28px 20px 56px; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.65rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .5rem; }
p { margin: .5rem 0; max-width: 72ch; }
.soft, small, figcaption { color: var(--soft); }
small { font-size: .82rem; line-height: 1.35; display: block; }
.break { overflow-wrap: anywhere; }
.lead { font-size: 1.06rem; margin: .8rem 0 1.2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 1.1rem 0; }
.card { background: var(--block); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.card > b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.warning { background: var(--warn-ground); border-left: 4px solid var(--warn); border-radius: 4px; padding: 9px 13px;
  margin: 10px 0; max-width: none; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
th, td { text-align: left; vertical-align: top; padding: 8px 12px 8px 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); font-size: .82rem; vertical-align: bottom; }
td.n, th.n { text-align: right; white-space: nowrap; }
td:last-child, th:last-child { padding-right: 0; }
table.facts td:first-child { color: var(--soft); width: 11rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 22px 26px; }
figure { margin: 0; min-width: 0; }
figure img { width: 100%; height: auto; display: block; border: 1px solid var(--line); border-radius: 8px; }
figcaption { font-size: .86rem; line-height: 1.4; margin-top: 6px; }
figcaption b { color: var(--ink); }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 290px), 1fr)); gap: 14px; }
.pair { background: var(--block); border: 1px solid var(--line); border-radius: 10px; padding: 10px; min-width: 0; }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; margin-bottom: 6px; }
.sides > div { min-width: 0; }
.thumb { aspect-ratio: 1; background: var(--ground); border-radius: 6px; overflow: hidden; display: grid;
  place-items: center; color: var(--soft); font-size: .8rem; text-align: center; padding: 2px; }
.thumb img { width: 100%; height: 100%; object-fit: contain; display: block; }
.sides small { margin-top: 4px; font-size: .74rem; }
details { margin: .7rem 0; }
summary { cursor: pointer; color: var(--soft); padding: 4px 0; }
@media (max-width: 560px) { body { padding: 20px 16px 40px; } h1 { font-size: 1.4rem; } table { font-size: .87rem; }
  th, td { padding-right: 9px; } .cards { grid-template-columns: 1fr 1fr; } .card > b { font-size: 1.25rem; }
  table.facts td:first-child { width: 7.5rem; }
  table.stacked thead { display: none; }
  table.stacked tr { display: grid; grid-template-columns: 1fr 1fr; border-bottom: 1px solid var(--line);
    padding: 9px 0; }
  table.stacked td { border: 0; padding: 3px 8px 3px 0; text-align: left; white-space: normal; }
  table.stacked td:first-child { grid-column: 1 / -1; font-weight: 600; overflow-wrap: anywhere; }
  table.stacked td:not(:first-child)::before { content: attr(data-label); display: block; color: var(--soft);
    font-size: .78rem; } }
"""
