"""The font that figures take their Chinese signs from."""

from __future__ import annotations

from functools import cache

from xy_core.core.errors import MissingExtraError

_INSTALLED = ("Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", "SimHei")


@cache
def chinese_font() -> str | None:
    """Return the name of a font with Chinese signs that matplotlib knows, or None.

    The machine's own if it has one, else the one of the extra ``bench``: Noto Sans SC, under the
    SIL Open Font License 1.1. Matplotlib's own font has none, and would draw boxes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import font_manager  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("matplotlib", "bench") from error
    there = set(font_manager.get_font_names())
    if (own := next((name for name in _INSTALLED if name in there), None)) is not None:
        return own
    try:
        from pylopdf_fonts_zh_cn import sans_path  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=path).get_name()
