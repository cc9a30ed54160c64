"""How the page looks: colours, type and layout, for light and dark. Fonts are those of the visitor's system."""

import gradio as gr
from gradio.themes import sizes
from gradio.themes.utils import colors

_INK = colors.Color(
    name="ink",
    c50="#f7f7f8",
    c100="#eeeff1",
    c200="#dfe1e5",
    c300="#c5c9d0",
    c400="#9096a2",
    c500="#676e7b",
    c600="#4b515d",
    c700="#383d47",
    c800="#24282f",
    c900="#171a1f",
    c950="#0f1115",
)


def theme() -> gr.themes.Base:
    """A quiet theme: one neutral hue, so that the verdict is the only colour on the page."""
    plain = gr.themes.Base(
        primary_hue=_INK,
        secondary_hue=_INK,
        neutral_hue=_INK,
        text_size=sizes.text_md,
        radius_size=sizes.radius_lg,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )
    return plain.set(
        body_background_fill="white",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="*neutral_50",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_label_text_weight="600",
        block_shadow="none",
        button_primary_background_fill="*neutral_900",
        button_primary_background_fill_hover="*neutral_700",
        button_primary_background_fill_dark="*neutral_100",
        button_primary_background_fill_hover_dark="white",
        button_primary_text_color="white",
        button_primary_text_color_dark="*neutral_900",
        button_primary_border_color="transparent",
        button_primary_border_color_dark="transparent",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_secondary_text_color="*neutral_800",
        button_secondary_text_color_dark="*neutral_200",
    )


# Gradio puts a prefix before each selector of CSS, by which it reaches only what lies inside the page's main column;
# the column itself is reached from the head.
HEAD = """<style>
.gradio-container > .main.app { max-width: 976px; margin: 0 auto; padding: clamp(20px, 4vw, 44px) 24px 32px; }
.gradio-container > .main.app > .wrap > main { margin: 0; }
@media (max-width: 640px) { .gradio-container > .main.app { padding-left: 16px; padding-right: 16px; } }
</style>"""

CSS = """
:root { --fc-same: #0f7a54; --fc-different: #5146b8; --fc-uncertain: #9a6100; --fc-problem: #b3261e; }
.dark { --fc-same: #4cc996; --fc-different: #a7a0ff; --fc-uncertain: #e6b04d; --fc-problem: #ff8f86; }


#fc-head h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.02em; font-weight: 700; margin: 0 0 8px; }
#fc-head p { font-size: 17px; color: var(--body-text-color-subdued); margin: 0; }
#fc-notice { border-left: 3px solid var(--border-color-primary); padding-left: 12px; }
#fc-notice p, .fc-small p, #fc-limits li { font-size: 14px; line-height: 1.5; color: var(--body-text-color-subdued); }
#fc-inputs label[data-testid="block-label"] { background: var(--block-background-fill); border-radius: 0 0 8px 0;
  padding: 4px 10px; }
#fc-compare { width: 100%; font-size: 17px; font-weight: 600; min-height: 48px; }
#fc-compare:focus-visible, #fc-examples button:focus-visible {
  outline: 3px solid var(--fc-different); outline-offset: 2px; }

.fc-result { --fc-colour: var(--body-text-color); display: grid; gap: 20px; }
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
.fc-scale { position: relative; height: 6px; margin: 22px 0 10px; border-radius: 3px; max-width: 460px;
  background: color-mix(in srgb, var(--body-text-color) 14%, transparent); }
.fc-zone { position: absolute; top: 0; bottom: 0; right: 0; border-radius: 0 3px 3px 0;
  background: color-mix(in srgb, var(--body-text-color) 32%, transparent); }
.fc-mark { position: absolute; top: 50%; width: 16px; height: 16px; margin: -8px 0 0 -8px; border-radius: 50%;
  background: var(--fc-colour); border: 3px solid var(--body-background-fill); box-sizing: border-box;
  box-shadow: 0 0 0 1px var(--fc-colour); }
.fc-answer .fc-score { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 4px 16px; max-width: 460px;
  font-size: 14px; font-variant-numeric: tabular-nums; color: var(--body-text-color-subdued); }
.fc-score b { color: var(--body-text-color); font-weight: 600; }
.fc-result figure { margin: 0; }
.fc-result figcaption { margin-top: 10px; font-size: 14px; line-height: 1.4; color: var(--body-text-color-subdued); }
.fc-result figcaption b { color: var(--body-text-color); font-weight: 600; margin-right: 4px; }
.fc-crops div { display: flex; gap: 4px; }
.fc-crops img { width: 128px; height: 128px; display: block; margin: 0; }
.fc-crops img:first-child { border-radius: 10px 0 0 10px; }
.fc-crops img:last-child { border-radius: 0 10px 10px 0; }
.fc-crops figcaption { text-align: center; }
.fc-photos { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
.fc-frame { position: relative; height: 340px; border-radius: 10px; overflow: hidden;
  background: var(--block-background-fill); }
.fc-frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; margin: 0; }
.fc-frame svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.fc-frame rect { fill: none; vector-effect: non-scaling-stroke; stroke: #fff; stroke-width: 1.5;
  stroke-dasharray: 5 4; }
.fc-frame rect.under { stroke: rgb(0 0 0 / 0.55); stroke-width: 3; stroke-dasharray: none; }
.fc-frame rect.compared { stroke: #fff; stroke-width: 3; stroke-dasharray: none; }
.fc-frame rect.compared.under { stroke: rgb(0 0 0 / 0.6); stroke-width: 6; }

#fc-view, #fc-view .html-container { padding: 0; }
#fc-examples { gap: 10px; margin-top: 8px; }
#fc-examples button { font-weight: 500; font-size: 15px; min-height: 42px;
  border: 1px solid var(--border-color-primary); }
#fc-details { background: transparent; }
#fc-limits ul { margin: 0; padding-left: 18px; list-style: disc; }
#fc-limits li::marker { color: var(--body-text-color-subdued); }

@media (max-width: 640px) {
  .fc-input { height: 230px !important; }
  #fc-head h1 { font-size: 27px; }
  #fc-head p { font-size: 16px; }
  .fc-card { padding: 20px; gap: 22px; }
  .fc-photos { grid-template-columns: minmax(0, 1fr); }
  .fc-verdict { font-size: 25px; }
  .fc-answer { flex-basis: 100%; }
  .fc-crops { width: 100%; }
  .fc-crops img { width: calc(50% - 2px); max-width: 150px; height: auto; }
  .fc-crops div { justify-content: center; }
}
"""
