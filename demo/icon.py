"""The page's icon, within the page: browsers would look for one at the root of the host, whoever that belongs to."""

from urllib.parse import quote

_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#171a1f"/>'
    '<circle cx="12" cy="16" r="7" fill="none" stroke="#fff" stroke-width="2.5"/>'
    '<circle cx="20" cy="16" r="7" fill="none" stroke="#fff" stroke-width="2.5"/></svg>'
)
_LINK = f'<link rel="icon" type="image/svg+xml" href="data:image/svg+xml,{quote(_DRAWING)}">'


def inserted(page: bytes) -> bytes:
    """HTML with the icon. It must be in what is served: what Gradio adds to the head later comes too late."""
    return page.replace(b"</head>", _LINK.encode() + b"</head>", 1)
