"""How the result of a comparison looks; the colours that it names are the theme's."""

RESULT_CSS = """
.fc-result { --fc-colour: var(--body-text-color); --fc-frame: 340px; display: grid; gap: 20px; }
.fc-same { --fc-colour: var(--fc-same); }
.fc-different { --fc-colour: var(--fc-different); }
.fc-uncertain { --fc-colour: var(--fc-uncertain); }
.fc-problem { --fc-colour: var(--fc-problem); }
.fc-card { display: flex; flex-wrap: wrap; gap: 28px; align-items: center; justify-content: space-between;
  padding: 26px 28px; border-radius: 14px; border: 1px solid color-mix(in srgb, var(--fc-colour) 35%, transparent);
  background: color-mix(in srgb, var(--fc-colour) 7%, var(--body-background-fill)); }
.fc-answer { flex: 1 1 340px; min-width: 0; }
.fc-answer p { margin: 0; line-height: 1.5; color: var(--body-text-color); overflow-wrap: anywhere; }
.fc-verdict { display: flex; align-items: center; gap: 12px; margin: 0 0 12px; color: var(--fc-colour);
  font-size: 30px; line-height: 1.15; font-weight: 700; letter-spacing: -0.015em; }
.fc-symbol { flex: none; width: 38px; height: 38px; padding: 7px; border-radius: 50%; background: var(--fc-colour);
  fill: none; stroke: var(--body-background-fill); stroke-width: 3; stroke-linecap: round; stroke-linejoin: round; }
.fc-answer .fc-likelihood { font-size: 18px; margin-bottom: 6px; }
.fc-answer .fc-rarity { color: var(--body-text-color-subdued); }
.fc-answer .fc-reason + .fc-reason { margin-top: 8px; }

.fc-scale { position: relative; margin: 18px 0 10px; max-width: 520px; }
.fc-scale.fc-plain { padding-top: 34px; }
.fc-scale svg { display: block; width: 100%; height: 84px; overflow: visible; }
.fc-scale path { stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.fc-strangers { stroke: var(--fc-different); fill: color-mix(in srgb, var(--fc-different) 22%, transparent); }
.fc-one { stroke: var(--fc-same); fill: color-mix(in srgb, var(--fc-same) 22%, transparent); stroke-dasharray: 5 3; }
.fc-keys { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-bottom: 26px; font-size: 13px;
  color: var(--body-text-color-subdued); }
.fc-key::before { content: ""; display: inline-block; width: 20px; margin-right: 7px; vertical-align: middle;
  border-top: 3px solid var(--fc-different); }
.fc-key-one::before { border-top: 3px dashed var(--fc-same); }
.fc-zones { display: flex; gap: 2px; }
.fc-zones i { font-style: normal; min-width: 0; border-top: 6px solid transparent; text-align: center; }
.fc-zones i:not([class]) { border-top-color: color-mix(in srgb, var(--body-text-color) 20%, transparent); }
.fc-zones .fc-zone-different { border-top-color: var(--fc-different); border-radius: 3px 0 0 3px; }
.fc-zones .fc-zone-uncertain { border-top-color: var(--fc-uncertain); }
.fc-zones .fc-zone-same { border-top-color: var(--fc-same); border-radius: 0 3px 3px 0; }
.fc-zones b { display: block; padding-top: 8px; font-size: 12px; font-weight: 500; line-height: 1.3;
  color: var(--body-text-color-subdued); white-space: nowrap; }
.fc-keys.fc-narrow { margin: 12px 0 0; }
.fc-narrow .fc-key::before { width: 14px; border-top: 6px solid var(--fc-different); }
.fc-narrow .fc-key-uncertain::before { border-top-color: var(--fc-uncertain); }
.fc-narrow .fc-key-same::before { border-top-color: var(--fc-same); }
.fc-mark { position: absolute; top: 30px; height: 104px; width: 2px; margin-left: -1px; font-style: normal;
  background: var(--body-text-color); }
.fc-plain .fc-mark { top: 14px; height: 30px; }
.fc-mark::after { content: ""; position: absolute; left: -6px; bottom: -6px; width: 14px; height: 14px;
  border-radius: 50%; background: var(--fc-colour); border: 2px solid var(--body-text-color); box-sizing: border-box; }
.fc-mark b { position: absolute; top: -5px; left: 8px; font-size: 13px; line-height: 1.3; font-weight: 600;
  white-space: nowrap; color: var(--body-text-color); }
.fc-leftward b { left: auto; right: 8px; }
.fc-answer .fc-score { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 16px; max-width: 520px;
  font-size: 14px; font-variant-numeric: tabular-nums; color: var(--body-text-color-subdued); }
.fc-score b { color: var(--body-text-color); font-weight: 600; }

.fc-result figure, .fc-why figure { margin: 0; }
.fc-result figcaption, .fc-why figcaption { margin-top: 10px; font-size: 14px; line-height: 1.4;
  color: var(--body-text-color-subdued); }
.fc-result figcaption b { color: var(--body-text-color); font-weight: 600; margin-right: 4px; }
.fc-crops div { display: flex; gap: 4px; }
.fc-crops img { width: 128px; height: 128px; display: block; margin: 0; }
.fc-crops img:first-child { border-radius: 10px 0 0 10px; }
.fc-crops img:last-child { border-radius: 0 10px 10px 0; }
.fc-crops figcaption { text-align: center; }

.fc-trust { padding: 2px 0 2px 16px; border-left: 3px solid var(--border-color-primary); }
.fc-trust.fc-doubt { border-left-color: var(--fc-uncertain); }
.fc-trust h3, .fc-why h3 { font-size: 17px; line-height: 1.3; font-weight: 650; margin: 0 0 6px;
  color: var(--body-text-color); }
.fc-trust p, .fc-trust li { margin: 0; font-size: 15px; line-height: 1.5; color: var(--body-text-color); }
.fc-trust ul { margin: 0 0 6px; padding: 0; list-style: none; }
.fc-trust li { margin: 0 0 2px; padding-left: 26px; position: relative; }
.fc-trust li::before { content: "!"; position: absolute; left: 0; top: 3px; width: 17px; height: 17px; font-size: 12px;
  line-height: 17px; font-weight: 700; text-align: center; border-radius: 50%; color: var(--body-background-fill);
  background: var(--fc-uncertain); }
.fc-trust li b { font-weight: 600; margin-right: 4px; }
.fc-trust p + p { margin-top: 4px; color: var(--body-text-color-subdued); }

.fc-photos { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.fc-frame { height: var(--fc-frame); border-radius: 10px; overflow: hidden; display: flex; align-items: center;
  justify-content: center; background: var(--block-background-fill); }
.fc-fit { position: relative; flex: none; }
.fc-fit img, .fc-fit svg { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; }
.fc-frame rect { fill: none; vector-effect: non-scaling-stroke; stroke: #fff; stroke-width: 1.5;
  stroke-dasharray: 5 4; }
.fc-frame rect.under { stroke: rgb(0 0 0 / 0.55); stroke-width: 3; stroke-dasharray: none; }
.fc-frame rect.compared { stroke: #fff; stroke-width: 3; stroke-dasharray: none; }
.fc-frame rect.compared.under { stroke: rgb(0 0 0 / 0.6); stroke-width: 6; }
.fc-face { position: absolute; min-width: 24px; min-height: 24px; margin: 0; padding: 0; border: 0; border-radius: 4px;
  background: transparent; cursor: pointer; }
.fc-face span { position: absolute; left: -8px; top: -12px; min-width: 20px; padding: 0 5px; border-radius: 10px;
  font-size: 12px; line-height: 20px; font-weight: 700; color: #fff; background: rgb(0 0 0 / 0.72); }
.fc-face[aria-pressed="true"] { cursor: default; }
.fc-face[aria-pressed="true"] span { color: #000; background: #fff; }
.fc-face[aria-pressed="false"]:hover { background: rgb(255 255 255 / 0.25); }
.fc-face:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px rgb(0 0 0 / 0.75); }

.fc-why { padding: 22px 28px; border-radius: 14px; border: 1px solid var(--border-color-primary); }
.fc-why p { margin: 0; line-height: 1.5; color: var(--body-text-color); }
.fc-why .fc-why-how { margin-top: 16px; font-size: 14px; color: var(--body-text-color-subdued); }
.fc-why-parts { display: grid; grid-template-columns: minmax(0, 1fr) 230px; gap: 28px; margin-top: 16px; }
.fc-heat { display: grid; grid-template-columns: repeat(2, minmax(0, 336px)); gap: 12px; }
.fc-heat img { display: block; width: 100%; height: auto; margin: 0; border-radius: 10px; aspect-ratio: 1; }
.fc-heat-legend i { display: block; height: 12px; border-radius: 6px;
  background: linear-gradient(90deg, #6f4fa8, #b9b4c2 50%, #e66100); }
.fc-heat-legend div { display: flex; justify-content: space-between; gap: 12px; margin-top: 5px; font-size: 13px;
  line-height: 1.3; color: var(--body-text-color-subdued); }
.fc-heat-legend span { flex: 1 1 0; }
.fc-heat-legend span:nth-child(2) { text-align: center; }
.fc-heat-legend span:last-child { text-align: right; }
.fc-note { margin: 0; font-size: 14px; line-height: 1.5; color: var(--body-text-color-subdued); }

@media (max-width: 640px) {
  .fc-card, .fc-why { padding: 20px; gap: 22px; }
  .fc-photos { grid-template-columns: minmax(0, 1fr); }
  .fc-verdict { font-size: 25px; }
  .fc-answer { flex-basis: 100%; }
  .fc-crops { width: 100%; }
  .fc-crops img { width: calc(50% - 2px); max-width: 150px; height: auto; aspect-ratio: 1; }
  .fc-crops div { justify-content: center; }
  .fc-frame { height: auto; }
  .fc-why-parts { grid-template-columns: minmax(0, 1fr); gap: 18px; }
  .fc-heat { gap: 8px; }
}
"""
