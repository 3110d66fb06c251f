"""The legend of a report: drawn without an image, on the scale of all its heat maps."""

import base64

import cv2
import numpy as np

from goodpart.scoring.overlay import ColourScale
from goodpart_bank_builder.report.pictures import draw_legend


def test_the_legend_needs_no_inspection_and_shows_where_colour_begins_and_is_full():
    legend = draw_legend(ColourScale.of(4.0, 5.0))
    assert (legend.begin, legend.full) == (4.0, 12.0)
    data = base64.b64decode(legend.picture.removeprefix("data:image/png;base64,"))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    height_px, width_px, _ = picture.shape
    assert (picture == picture[:1]).all()
    sigmas = np.linspace(0.0, legend.end, width_px)
    assert (picture[0, sigmas <= legend.begin] == 150).all()
    full = picture[0, sigmas >= legend.full]
    assert len(full) > 50
    assert (full == full[0]).all()
    assert (picture[0, width_px // 2] != full[0]).any()
    assert height_px < width_px
