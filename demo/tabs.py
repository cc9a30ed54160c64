"""How the row of tabs looks, and what all tabs have in common."""

import json
from collections.abc import Iterable
from html import escape

from demo import text
from demo.uploads import Upload, upload_folder

# Screen readers are told what of a result is marked as said, and not all cells of its tables. The element that speaks
# was there before, since what is announced is a change inside of it.
ANNOUNCE = """
const spoken = document.createElement('p');
spoken.className = 'fc-hidden';
spoken.setAttribute('role', 'status');
spoken.setAttribute('aria-live', 'polite');
element.parentElement.appendChild(spoken);
watch('value', () => {
  spoken.textContent = [...element.querySelectorAll('.fc-said')].map(said => said.textContent).join(' ');
});
"""

# Room for an answer is made at the press itself, so that nothing jumps when it comes. What is said where files are
# missing needs none, and after a stop nothing more comes.
_ROOM = """
document.addEventListener('click', event => {
  const root = document.documentElement.classList;
  if (event.target.closest('#fc-NAME-stop')) root.remove('fc-NAME-asked');
  if (!event.target.closest('#fc-NAME-button')) return;
  const given = document.querySelectorAll('FILES .file-preview').length;
  root.toggle('fc-NAME-asked', given >= LISTS);
});
"""


def room(name: str, files: str, lists: int) -> str:
    """JavaScript for the view of a tab, which makes room for its answer.

    Args:
        name: of the tab, as in the ids of its button and its view.
        files: a selector of what its files are added to.
        lists: of files that are shown there once all is given.
    """
    return _ROOM.replace("NAME", name).replace("FILES", files).replace("LISTS", str(lists))


def emptied(name: str) -> str:
    """JavaScript that empties the details, the view and the files of a tab.

    Args:
        name: as above.
    """
    return f"() => {{ document.documentElement.classList.remove('fc-{name}-asked'); return [null, '', null]; }}"


def about(uploads: Iterable[Upload | None], html: str) -> str:
    """The HTML of an answer, marked with the uploads that it is about.

    Args:
        uploads: the page knows them by the folders that Gradio makes for them.
        html: the answer.
    """
    folders = sorted({upload_folder(upload) for upload in uploads} - {""})
    return f'<div data-uploads="{escape(" ".join(folders))}">{html}</div>'


# An answer about files that have changed meanwhile came too late: a sentence says so in its place. On a busy machine
# the files of an example may come into sight only after the answer about them: so it is hidden at first.
LATE = (
    f"""
const changed = {json.dumps(f'<p class="fc-note fc-said">{escape(text.CHANGED)}</p>')};
"""
    + """
const dropLate = isAboutWhatIsThere => {
  let waiting = 0;
  watch('value', () => {
    clearInterval(waiting);
    const since = Date.now();
    const look = () => {
      const right = isAboutWhatIsThere();
      element.style.visibility = right ? '' : 'hidden';
      if (!right && Date.now() - since < 3000) return;
      clearInterval(waiting);
      element.style.visibility = '';
      if (right) return;
      props.value = changed;
      trigger('emptied');
    };
    waiting = setInterval(look, 100);
    look();
  });
};
"""
)

_LATE_FILES = """
dropLate(() => {
  const about = element.querySelector('[data-uploads]')?.dataset.uploads.split(' ').filter(Boolean);
  const links = [...document.querySelectorAll('FILES a[href*="file="]')];
  const there = new Set(links.map(link => decodeURIComponent(link.href).split('/').at(-2)));
  return !about || (about.length === there.size && about.every(folder => there.has(folder)));
});
"""


def late(files: str) -> str:
    """JavaScript for the view of a tab, which drops an answer about other files than those that are there.

    Args:
        files: as above.
    """
    return LATE + _LATE_FILES.replace("FILES", files)


CSS = """
.fc-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
#fc-tabs button[role="tab"] { font-size: 16px; color: var(--body-text-color-subdued); }
#fc-tabs button[role="tab"][aria-selected="true"] { color: var(--body-text-color); font-weight: 600; }
#fc-tabs button[role="tab"]:focus-visible { outline: 3px solid var(--fc-different); outline-offset: -3px; }
.fc-tab-head p { max-width: 75ch; }
.fc-tab-head p + p { font-size: 14px; color: var(--body-text-color-subdued); }
/* Room for the progress, which lies over a result that is still empty; less weighty than the room for an answer. */
:where(#fc-set-view):has([data-testid="status-tracker"]:not(.hide)),
:where(#fc-list-view):has([data-testid="status-tracker"]:not(.hide)) { min-height: 110px; }
@media (max-width: 640px) {
  #fc-tabs button[role="tab"] { font-size: 14px; padding-left: 8px; padding-right: 8px; }
}
"""
