"""Files that decode although they are damaged, hold several pictures or are misread: refused by name."""

import os
import threading

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs goodpart[images]")
pytest.importorskip("PIL", reason="makes the files")

from PIL import Image

from damaged_files import (
    DEEP,
    GREYS,
    PICTURE,
    half_jpeg,
    jpeg_without_scans,
    os2_bmp,
    pillow,
    png_of,
    png_turned_by,
    several,
    spoilt,
)
from goodpart.errors import FrameError, ImageFileError, UsageError
from goodpart.frames.damage import Decoder, DecoderCrashError
from goodpart.frames.images import ImageReader, read_image
from small_parts import GRAY, RGB, THERMAL

REFUSED = {
    "half.jpg": (half_jpeg(), r"damaged JPEG file \(Corrupt JPEG data: premature end"),
    "restart.jpg": (half_jpeg(restart_marker_blocks=3), "damaged JPEG file"),
    "scans.jpg": (jpeg_without_scans(), "lacks some of its scans"),
    "twice.jpg": (pillow("JPEG") * 2, "a second picture behind the first"),
    "stereo.jpg": (several("MPO"), "a second picture behind the first"),
    "moving.png": (several("PNG"), "an animation"),
    "moving.webp": (several("WEBP"), "an animation"),
    "moving.gif.png": (several("GIF"), "found GIF; convert it to PNG"),
    "pages.tif": (several("TIFF"), "2 pages; split them"),
    "twice.png": (pillow("PNG") * 2, "a second picture behind the first"),
    "text.png": (png_turned_by(b"tEXt"), "an orientation in a text chunk"),
    "packed.png": (png_turned_by(b"zTXt"), "an orientation in a text chunk"),
    "unicode.png": (png_turned_by(b"iTXt"), "an orientation in a text chunk"),
    "lzw.tif": (spoilt(pillow("TIFF", compression="tiff_lzw"), 500), "damaged TIFF file"),
    "zip.tif": (spoilt(pillow("TIFF", compression="tiff_adobe_deflate"), 200), "damaged TIFF file"),
    "os2.bmp": (os2_bmp(GREYS[::-1] // 2 + [0, 9, 99]), "a BMP of OS/2 with a palette of colours"),
    "cut.webp": (pillow("WEBP")[:-9], "a truncated file"),
    "cut.jp2": (pillow("JPEG2000")[:-99], "damaged JPEG 2000 file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_decodes_and_is_not_one_whole_picture_is_refused(tmp_path, capfd, name):
    data, words = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageFileError, match=words) as caught:
        read_image(tmp_path / name, RGB)
    assert name in str(caught.value)
    assert capfd.readouterr().err == ""  # the decoders' own lines stay with the child process


def test_a_compression_that_opencv_lacks_is_no_damage(tmp_path, monkeypatch):
    said = "ZSTD compression support is not configured"
    monkeypatch.setattr(Decoder, "complaint", lambda self, data, **_: said)
    (tmp_path / "x.tif").write_bytes(pillow("TIFF", compression="tiff_lzw"))
    with pytest.raises(ImageFileError, match=f"this OpenCV does not decode .{said}.; save it without that"):
        read_image(tmp_path / "x.tif", RGB)


def test_what_decoders_say_of_headers_is_no_damage(tmp_path):
    tags = {33550: 1.5, 65000: "a camera's own"}
    (tmp_path / "x.tif").write_bytes(pillow("TIFF", compression="tiff_lzw", tiffinfo=tags, icc_profile=b"x" * 200))
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", RGB), PICTURE)


def test_white_is_zero(tmp_path):
    (tmp_path / "white.tif").write_bytes(pillow("TIFF", Image.fromarray(DEEP), tiffinfo={262: 0}))
    with pytest.raises(ImageFileError, match="in which 0 is white, which OpenCV misreads"):
        read_image(tmp_path / "white.tif", THERMAL)
    (tmp_path / "black.tif").write_bytes(pillow("TIFF", Image.fromarray(DEEP)))
    np.testing.assert_array_equal(read_image(tmp_path / "black.tif", THERMAL), DEEP)


READ = {
    "padded.jpg": pillow("JPEG", quality=95) + b"\0" * 100,
    "progressive.jpg": pillow("JPEG", quality=95, progressive=True),
    "restart.jfif": pillow("JPEG", quality=95, restart_marker_blocks=3),
    "x.webp": pillow("WEBP", lossless=True),
    "x.jp2": pillow("JPEG2000"),
    "padded.png": pillow("PNG") + b"\0" * 9,
    "upright.png": png_turned_by(b"zTXt", orientation=1),
    "lzw.tif": pillow("TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_whole_is_read(tmp_path, name):
    (tmp_path / name).write_bytes(READ[name])
    found = read_image(tmp_path / name, RGB).astype(int)
    assert np.abs(found - PICTURE).mean() < (4 if name.endswith(("jpg", "jfif")) else 0.01)


def test_a_grey_palette_of_os_2_is_read(tmp_path):
    (tmp_path / "x.bmp").write_bytes(os2_bmp(GREYS))
    np.testing.assert_array_equal(
        read_image(tmp_path / "x.bmp", GRAY), np.asarray(Image.fromarray(PICTURE).convert("L"))
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_an_orientation_in_exif_is_applied(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"x.{'jpg' if kind == 'JPEG' else kind.lower()}"
    path.write_bytes(pillow(kind, exif=exif.tobytes(), quality=95))
    assert np.abs(read_image(path, RGB).astype(int) - np.rot90(PICTURE, -1)).mean() < 6


@pytest.mark.parametrize(("name", "dtype"), [("int16", np.int16), ("float32", np.float32), ("int32", np.int32)])
def test_other_pixels_are_refused_with_a_way_that_exists(tmp_path, name, dtype):
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "x.tif"), DEEP.astype(dtype))
    with pytest.raises(FrameError, match=rf"found {name}; convert them to uint16 .*--dtype uint16 .*--value-range"):
        read_image(tmp_path / "x.tif", THERMAL)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif", "x.bmp", "x.webp", "x.jp2", "x.npy", "x.ppm"])
def test_a_size_beyond_the_limit_is_refused_by_the_header_alone(tmp_path, name):
    if name.endswith("npy"):
        np.save(tmp_path / name, PICTURE)
    else:
        kind = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000", "ppm": "PPM"}.get(name[2:], name[2:].upper())
        (tmp_path / name).write_bytes(pillow(kind))
    ImageReader(max_megapixels=48 * 64 / 1e6).read(tmp_path / name, RGB)
    with pytest.raises(ImageFileError, match=r"expected at most 0\.003 megapixels, found 48x64 \(HxW"):
        ImageReader(max_megapixels=0.003).read(tmp_path / name, RGB)


def test_a_huge_header_costs_no_memory(tmp_path):
    huge = png_of([(b"IHDR", b"\0\0\x75\x30" * 2 + b"\x08\x02\0\0\0"), (b"IDAT", b""), (b"IEND", b"")])
    (tmp_path / "x.png").write_bytes(huge)
    with pytest.raises(ImageFileError, match="at most 200 megapixels, found 30000x30000"):
        read_image(tmp_path / "x.png", RGB)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_colours_that_an_alpha_channel_hides_are_said_once(tmp_path, kind):
    alpha = np.full(PICTURE.shape[:2], 255, np.uint8)
    alpha[:12] = 0
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    data = pillow(kind, Image.fromarray(np.dstack([PICTURE, alpha])), **options)
    said = []
    reader = ImageReader(say=said.append)
    for name in ("a", "b"):
        (tmp_path / f"{name}.{kind.lower()}").write_bytes(data)
        np.testing.assert_array_equal(reader.read(tmp_path / f"{name}.{kind.lower()}", RGB), PICTURE)
    assert len(said) == 1
    assert "an alpha channel hides colours in 25 % of the picture" in said[0]


def test_a_transparent_tiff_is_refused_because_opencv_darkens_it(tmp_path):
    alpha = np.full(PICTURE.shape[:2], 255, np.uint8)
    (tmp_path / "x.tif").write_bytes(pillow("TIFF", Image.fromarray(np.dstack([PICTURE, alpha]))))
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", RGB), PICTURE)
    alpha[5, 5] = 100
    (tmp_path / "x.tif").write_bytes(pillow("TIFF", Image.fromarray(np.dstack([PICTURE, alpha]))))
    with pytest.raises(ImageFileError, match="found a TIFF with an alpha channel"):
        read_image(tmp_path / "x.tif", RGB)


def test_an_alpha_channel_that_hides_nothing_is_no_news(tmp_path):
    said = []
    (tmp_path / "x.png").write_bytes(pillow("PNG", Image.fromarray(PICTURE).convert("RGBA")))
    ImageReader(say=said.append).read(tmp_path / "x.png", RGB)
    assert said == []


def test_several_threads_ask_one_child_process_and_each_gets_its_own_answer():
    decoder, wrong = Decoder(), []
    whole, half = pillow("JPEG"), half_jpeg()

    def ask(data, damaged):
        for _ in range(25):
            if (decoder.complaint(data, is_jpeg=True, megapixels=0.1) is not None) != damaged:
                wrong.append(damaged)

    threads = [threading.Thread(target=ask, args=pair) for pair in [(whole, False), (half, True)] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decoder.close()
    assert wrong == []


def test_a_killed_child_process_is_replaced():
    decoder = Decoder()
    assert decoder.complaint(half_jpeg(), is_jpeg=True, megapixels=0.1) is not None
    os.kill(decoder._process.pid, 9)
    assert decoder.complaint(half_jpeg(), is_jpeg=True, megapixels=0.1) is not None
    decoder.close()


def test_a_decoder_that_crashes_twice_is_the_files_fault(tmp_path, monkeypatch):
    def crash(self, data, **_):
        raise DecoderCrashError

    monkeypatch.setattr(Decoder, "complaint", crash)
    (tmp_path / "x.jpg").write_bytes(pillow("JPEG"))
    with pytest.raises(ImageFileError, match=r"x\.jpg: .* found one at which the decoder crashes"):
        read_image(tmp_path / "x.jpg", RGB)


def test_a_python_that_does_not_start_is_one_line(monkeypatch):
    monkeypatch.setattr("sys.executable", "/none/python")
    with pytest.raises(UsageError, match="expected a second Python that checks image files, found none"):
        Decoder().complaint(b"", is_jpeg=True, megapixels=0.1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_starts_its_own_child(tmp_path):
    from goodpart.frames.damage import DECODER

    assert DECODER.complaint(half_jpeg(), is_jpeg=True, megapixels=0.1) is not None
    first = DECODER._process.pid
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            said = DECODER.complaint(half_jpeg(), is_jpeg=True, megapixels=0.1)
            code = 0 if said is not None and DECODER._process.pid != first else 2
            DECODER.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert DECODER.complaint(pillow("JPEG"), is_jpeg=True, megapixels=0.1) is None
    assert DECODER._process.pid == first
