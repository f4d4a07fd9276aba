#!/usr/bin/env python3
"""Writes what crates/vision/tests hold their pictures to: small files and what the reference's libraries make of them.

    pip install "transformers==5.24.*" "pillow==13.*" torch torchvision num2words
    python tools/make_vision_data.py                     # writes crates/vision/tests/data

  resize.json   pictures of noise (from `noise` below, which the test repeats), resized by Pillow and torchvision: the
                CRC-32 of the result's bytes
  pictures/     small files of every format, and decoded.json with size and CRC-32 of the pixels that `load_image` and
                `convert_to_rgb` give
  grids.json    for many sizes and settings: rows and columns of tiles, and the resized size that leads to them
  cuts.json     the same for families whose tiles differ: rows, columns, and runs of (height, width, number) of tiles;
                width and height alone of a picture that is refused
  sampling.json frames that SmolVLMVideoProcessor.sample_frames looks at
"""

import io
import json
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from torchvision.transforms.v2 import functional as tvF
from transformers.image_transforms import convert_to_rgb
from transformers.image_utils import SizeDict, load_image
from transformers.image_processing_backends import TorchvisionBackend
from transformers.models.gemma4.image_processing_gemma4 import get_aspect_ratio_preserving_size
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llama4.image_processing_llama4 import (
    find_supported_resolutions,
    get_best_fit,
    get_max_res_without_distortion,
)
from transformers.models.pixtral.image_processing_pil_pixtral import get_resize_output_image_size
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor
from transformers.video_utils import VideoMetadata

DATA = Path(__file__).parent.parent / "crates/vision/tests/data"
FILTERS = {1: "LANCZOS", 2: "BILINEAR", 3: "BICUBIC", 4: "BOX", 5: "HAMMING"}
SIZES = [  # width, height of the source and of the result
    (7, 5, 3, 2), (7, 5, 20, 11), (40, 50, 20, 30), (50, 40, 70, 20), (70, 33, 140, 12), (1, 1, 9, 4), (1, 40, 6, 3),
    (200, 3, 12, 12), (33, 70, 33, 12), (33, 70, 12, 70), (64, 64, 64, 64), (97, 61, 13, 59), (16, 300, 15, 30),
]


def noise(width, height):
    """A linear congruential generator's high bytes; the first quarter of the rows is saturated."""
    state, out = 12345, bytearray()
    for i in range(width * height * 3):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        level = state >> 16 & 0xFF
        out.append(255 * (level > 127) if i < width * height * 3 // 4 else level)
    return np.frombuffer(bytes(out), np.uint8).reshape(height, width, 3)


def crc(pixels):
    return zlib.crc32(np.ascontiguousarray(pixels, dtype=np.uint8).tobytes())


def resizes():
    cases = []
    for width, height, new_width, new_height in SIZES:
        source = noise(width, height)
        for number, name in FILTERS.items():
            result = np.array(Image.fromarray(source).resize((new_width, new_height), number))
            cases.append(("pillow", number, [width, height, new_width, new_height], crc(result)))
            if number <= 3:
                mode = getattr(tvF.InterpolationMode, name)
                tensor = torch.from_numpy(source.copy()).permute(2, 0, 1)
                result = tvF.resize(tensor, [new_height, new_width], interpolation=mode, antialias=True)
                cases.append(("torchvision", number, [width, height, new_width, new_height], crc(result.permute(1, 2, 0))))
    return [dict(zip(("library", "filter", "sizes", "crc32"), case)) for case in cases]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, *chunks):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = b"".join(chunks) + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def gif_with_small_frame():
    """A frame of 2 x 2 at (1, 1) of a screen of 4 x 4, its colours in a palette of its own, one transparent."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0xF0, 1, 0) + bytes([10, 20, 30, 200, 100, 50])
    control = b"!\xf9\x04" + bytes([1, 0, 0, 1]) + b"\0"
    frame = b"," + struct.pack("<HHHHB", 1, 1, 2, 2, 0x81) + bytes([1, 2, 3, 40, 50, 60, 70, 80, 90, 5, 5, 5])
    return screen + control + frame + bytes([2, 3, 0x44, 0x02, 0x05, 0]) + b";"


def transparent():
    """Transparency by a key: a level, a colour or an index, of every depth that Pillow reads in its own way."""
    key = lambda *levels: chunk(b"tRNS", struct.pack(f">{len(levels)}H", *levels))
    palette = chunk(b"PLTE", bytes([0, 0, 0, 10, 20, 30, 40, 50, 60, 10, 20, 30]))
    indices = [bytes([0, 1, 2, 3]), bytes([3, 2, 1, 0])]
    grey = [bytes([0, 7, 255, 7])]
    return {
        "key_palette.png": png(4, 2, 8, 3, indices, palette, chunk(b"tRNS", bytes([255, 0, 255]))),
        "key_first_of_palette.png": png(4, 2, 8, 3, indices, palette, chunk(b"tRNS", bytes([0]))),
        "partial_palette.png": png(4, 2, 8, 3, indices, palette, chunk(b"tRNS", bytes([0, 128, 255]))),
        "all_of_palette.png": png(4, 2, 8, 3, indices, palette, chunk(b"tRNS", bytes([0, 0]))),
        "key_beyond_palette.png": png(4, 2, 8, 3, indices, palette, chunk(b"tRNS", bytes([255] * 9 + [0]))),
        "key_rgb.png": png(2, 1, 8, 2, [bytes([9, 8, 7, 9, 8, 6])], key(9, 8, 7)),
        "key_rgb16.png": png(2, 1, 16, 2, [struct.pack(">6H", 0x0109, 0x0208, 0x0307, 0x0900, 0x0800, 0x0700)], key(0x0109, 0x0208, 0x0307)),
        "key_grey.png": png(4, 1, 8, 0, grey, key(7)),
        "key_grey_beyond.png": png(4, 1, 8, 0, grey, key(300)),
        "key_grey4.png": png(4, 1, 4, 0, [bytes([0x0F, 0xA5])], key(0)),
        "key_grey4_unscaled.png": png(4, 1, 4, 0, [bytes([0x0F, 0xA5])], key(5)),
        "key_black_of_two.png": png(9, 1, 1, 0, [bytes([0b10110001, 0x80])], key(0)),
        "key_white_of_two.png": png(9, 1, 1, 0, [bytes([0b10110001, 0x80])], key(1)),
        "key_grey16_low.png": png(3, 1, 16, 0, [struct.pack(">3H", 0, 256, 700)], key(256)),
    }


def pictures():
    photo = Image.fromarray(noise(24, 16)).resize((45, 31), Image.Resampling.BICUBIC)
    files = {}

    def save(name, image, **options):
        out = io.BytesIO()
        image.save(out, **options)
        files[name] = out.getvalue()

    for sampling in (0, 1, 2):
        save(f"sampling{sampling}.jpg", photo, format="JPEG", quality=70, subsampling=sampling)
    save("progressive.jpg", photo, format="JPEG", progressive=True)
    save("grey.jpg", photo.convert("L"), format="JPEG")
    save("cmyk.jpg", photo.convert("CMYK"), format="JPEG")
    save("lossless.webp", photo, format="WEBP", lossless=True)
    alpha = photo.copy()
    alpha.putalpha(Image.fromarray(noise(45, 31)[:, :, 0]))
    save("alpha.webp", alpha, format="WEBP", lossless=True, exact=True)
    save("alpha.png", alpha, format="PNG")
    save("palette.png", photo.convert("P", palette=Image.Palette.ADAPTIVE), format="PNG", transparency=3)
    save("rgb.bmp", photo, format="BMP")
    save("palette.bmp", photo.convert("P", palette=Image.Palette.ADAPTIVE), format="BMP")
    save("grey.bmp", photo.convert("L"), format="BMP")
    save("animation.gif", photo, format="GIF", save_all=True, append_images=[photo.rotate(180)])
    files["small_frame.gif"] = gif_with_small_frame()
    for turn in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        save(f"turned{turn}.jpg", photo, format="JPEG", exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("turned.png", photo, format="PNG", exif=exif)
    save("turned.webp", photo, format="WEBP", lossless=True, exif=exif)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="8"/></x:xmpmeta>'
    save("turned_by_xmp.jpg", photo, format="JPEG", xmp=xmp)
    words = [0, 1, 255, 256, 1000, 0x80FF, 65535]
    files["grey16.png"] = png(7, 1, 16, 0, [struct.pack(">7H", *words)])
    files["rgb16.png"] = png(2, 1, 16, 2, [struct.pack(">6H", *words[:6])])
    files["grey_alpha16.png"] = png(2, 1, 16, 4, [struct.pack(">4H", 0x12FF, 0x80FF, 0xFFFE, 0)])
    files["rgba16.png"] = png(1, 1, 16, 6, [struct.pack(">4H", 0x12FF, 0x80FF, 0xFFFE, 0)])
    files["bilevel.png"] = png(9, 2, 1, 0, [bytes([0b10110001, 0x80]), bytes([0b01001110, 0])])
    files["grey2.png"] = png(4, 1, 2, 0, [bytes([0b00011011])])
    files["grey4.png"] = png(3, 1, 4, 0, [bytes([0x3C, 0x90])])
    files["transparent_grey16.png"] = png(2, 1, 16, 0, [struct.pack(">2H", 5, 700)], chunk(b"tRNS", struct.pack(">H", 5)))
    files["one_pixel.png"] = png(1, 1, 8, 2, [bytes([9, 8, 7])])
    files |= transparent()
    profile = b"\nexif\n      30\n" + exif.tobytes().hex().encode() + b"\n"
    body = [bytes(range(9)), bytes(range(9, 18))]
    files["turned_by_text.png"] = png(3, 2, 8, 2, body, chunk(b"tEXt", b"Raw profile type exif\0" + profile))
    packed = b"Raw profile type exif\0\0" + zlib.compress(profile)
    files["turned_by_packed_text.png"] = png(3, 2, 8, 2, body, chunk(b"zTXt", packed))
    unicode = b"Raw profile type exif\0\1\0\0\0" + zlib.compress(profile)
    files["turned_by_unicode_text.png"] = png(3, 2, 8, 2, body, chunk(b"iTXt", unicode))
    behind = png(3, 2, 8, 2, body)
    files["turned_by_text_behind.png"] = behind[:-12] + chunk(b"zTXt", packed) + behind[-12:]
    folder = DATA / "pictures"
    folder.mkdir(exist_ok=True)
    decoded = {}
    for name, data in files.items():
        (folder / name).write_bytes(data)
        pixels = convert_to_rgb(load_image(str(folder / name)), return_numpy=True)
        decoded[name] = {"width": pixels.shape[1], "height": pixels.shape[0], "crc32": crc(pixels)}
    return decoded


def grids():
    generator = random.Random(7)
    sizes = [(1, 1), (30000, 10), (10, 30000), (1, 5000), (364, 364), (365, 364), (1456, 1455), (3, 4096), (9000, 8999)]
    sizes += [(generator.randint(1, 4000), generator.randint(1, 4000)) for _ in range(150)]
    sizes += [(generator.randint(1, 60), generator.randint(500, 9000)) for _ in range(30)]
    out = {"tiling": [], "canvas": []}
    for longest, tile in [(1456, 364), (2048, 512), (1536, 384), (168, 56), (5000, 400), (100, 333)]:
        processor = Idefics3ImageProcessorPil(size={"longest_edge": longest}, max_image_size={"longest_edge": tile})
        seen = []
        processor.__class__.__base__.resize = lambda self, image, size, **_: np.broadcast_to(
            np.uint8(0), (3, size.height, size.width)
        )
        for width, height in sizes:
            image = np.broadcast_to(np.uint8(0), (3, height, width))
            image = processor.resize(image, SizeDict(longest_edge=longest))
            first = image.shape[1:]
            image = processor.resize_for_vision_encoder(image, tile)
            _, rows, cols = processor.split_images(image, {"longest_edge": tile})
            seen.append([width, height, *first, rows, cols])
        out["tiling"].append({"longest_edge": longest, "tile": tile, "cases": seen})
    for tile, patches, largest in [(336, 16, False), (56, 6, False), (336, 16, True), (448, 12, False), (100, 1, False)]:
        find_supported_resolutions.cache_clear()
        canvases = torch.tensor(find_supported_resolutions(patches, SizeDict(height=tile, width=tile)))
        seen = []
        for width, height in sizes:
            target = get_best_fit((height, width), canvases, resize_to_max_canvas=largest)
            bounds = target
            if not largest:
                bounds = (min(max(height, tile), target[0]), min(max(width, tile), target[1]))
            size = get_max_res_without_distortion((height, width), bounds)
            rows, cols = int(target[0]) // tile, int(target[1]) // tile
            seen.append([width, height, max(int(size[0]), 1), max(int(size[1]), 1), rows, cols])
        out["canvas"].append({"tile": tile, "max_patches": patches, "resize_to_max_canvas": largest, "cases": seen})
    return out


MAX_PIXELS = 1 << 26  # of all tiles: more are refused before anything is allocated


def empty(width, height):
    return np.broadcast_to(np.uint8(0), (3, height, width))


def qwen(width, height, patch_size, merge_size, size):
    factor, edges = patch_size * merge_size, (size["shortest_edge"], size["longest_edge"])
    return 0, 0, [smart_resize(height, width, factor, *edges)]


def gemma3(width, height, size, **scan):
    scan.pop("do_pan_and_scan")
    crops = transformers.Gemma3ImageProcessorPil().pan_and_scan(empty(width, height), **scan)
    if any(0 in crop.shape for crop in crops):
        raise ValueError("an empty crop")
    rows, cols = (1, len(crops)) if width >= height else (len(crops), 1)
    return *((rows, cols) if crops else (0, 0)), [(size["height"], size["width"])] * (len(crops) + 1)


def gemma4(width, height, patch_size, max_soft_tokens, pooling_kernel_size):
    patches = max_soft_tokens * pooling_kernel_size**2
    return 0, 0, [get_aspect_ratio_preserving_size(height, width, patch_size, patches, pooling_kernel_size)]


def pixtral(width, height, size, processor):
    square = processor["patch_size"] * processor["spatial_merge_size"]
    resized = get_resize_output_image_size(empty(width, height), size["longest_edge"], square, "channels_first")
    if 0 in resized:
        raise ValueError("a side vanishes")
    return 0, 0, [resized]


def lfm2(width, height, **settings):
    """Nothing is resized, only sizes are asked for; features are counted as the processor counts them."""
    processor, resize = transformers.Lfm2VlImageProcessor(**settings), TorchvisionBackend.resize
    most, names = processor.max_num_patches, transformers.Lfm2VlImageProcessor.resize_and_split.__annotations__
    if not processor.do_image_splitting:
        processor.min_tiles = processor.max_tiles = 1
    TorchvisionBackend.resize = lambda self, image, size, **_: torch.zeros(1).expand(1, 3, size.height, size.width)
    try:
        options = {name: getattr(processor, name) for name in names if name not in ("images", "return")}
        images, rows, cols, whole = processor.resize_and_split(torch.zeros(1).expand(1, 3, height, width), **options)
    finally:
        TorchvisionBackend.resize = resize
    tiles = [tuple(image.shape[-2:]) for image in images[0]]
    if any(h * w > most * processor.encoder_patch_size**2 for h, w in tiles):
        raise ValueError("more patches than are padded to")
    if (rows, cols) == ([1], [1]):
        if tiles != [tuple(whole[0])]:
            raise ValueError("the processor counts other features than the tile has")
        rows = cols = [0]
    return rows[0], cols[0], tiles


def minicpmv(width, height, **settings):
    processor = transformers.MiniCPMV4_6ImageProcessorPil(**settings)
    rule = {"downsample_mode": processor.downsample_mode}
    slices, scale, patch = processor.max_slice_nums, processor.scale_resolution, processor.patch_size
    grid = processor.get_sliced_grid((height, width), slices, scale) if processor.slice_mode else None
    view = processor.find_best_resize((height, width), scale, patch, allow_upscale=grid is None, **rule)
    if grid is None:
        return 0, 0, [view]
    rows, cols = grid
    down, across = processor.get_refine_size((height, width), grid, scale, patch, allow_upscale=True, **rule)
    return rows, cols, [view] + [(down // rows, across // cols)] * (rows * cols)


CUTS = [
    ("Qwen2VLImageProcessor", qwen, [
        {"patch_size": patch, "merge_size": merge, "size": {"shortest_edge": least, "longest_edge": most}}
        for patch, merge, least, most in [(16, 2, 65536, 16777216), (14, 2, 3136, 12845056), (8, 2, 1024, 4096), (14, 1, 50000, 60000)]
    ]),
    ("Gemma3ImageProcessor", gemma3, [
        {"do_pan_and_scan": True, "size": {"height": 896, "width": 896}, "pan_and_scan_min_crop_size": crop,
         "pan_and_scan_max_num_crops": crops, "pan_and_scan_min_ratio_to_activate": ratio}
        for crop, crops, ratio in [(256, 4, 1.2), (32, 4, 1.2), (1, 7, 2.5), (100, 1, 1.0)]
    ]),
    ("Gemma4ImageProcessor", gemma4, [
        {"patch_size": patch, "max_soft_tokens": tokens, "pooling_kernel_size": pooling}
        for patch, tokens, pooling in [(16, 280, 3), (16, 1120, 3), (2, 70, 3), (14, 140, 1)]
    ]),
    ("PixtralImageProcessor", pixtral, [
        {"size": {"longest_edge": longest}, "processor": {"patch_size": patch, "spatial_merge_size": merge}}
        for longest, patch, merge in [(1540, 14, 2), (1024, 16, 1), (84, 6, 2)]
    ]),
    ("Lfm2VlImageProcessor", lfm2, [
        {},
        {"do_image_splitting": False},
        {"use_thumbnail": False, "max_tiles": 12, "max_pixels_tolerance": 1.0},
        {"tile_size": 40, "encoder_patch_size": 4, "min_image_tokens": 4, "max_image_tokens": 25, "max_tiles": 4},
        {"tile_size": 256, "min_tiles": 1, "max_tiles": 3},
    ]),
    ("MiniCPMV4_6ImageProcessor", minicpmv, [
        {},
        {"slice_mode": False},
        {"downsample_mode": "4x", "max_slice_nums": 30},
        {"patch_size": 4, "scale_resolution": 32, "max_slice_nums": 4},
    ]),
]


def runs(tiles):
    out = []
    for height, width in tiles:
        if out and out[-1][:2] == [height, width]:
            out[-1][2] += 1
        else:
            out.append([height, width, 1])
    return out


def cuts():
    generator = random.Random(11)
    extremes = [(1, 1), (3000, 1), (1, 3000), (200, 1), (1, 201), (30000, 10), (9, 30000), (20000, 19999), (720, 720), (1344, 1344)]
    out = []
    for name, cut, all_settings in CUTS:
        for settings in all_settings:
            sizes = list(extremes)
            sizes += [(generator.randint(1, 2500), generator.randint(1, 2500)) for _ in range(30)]
            sizes += [(side := generator.randint(1, 900), side * generator.randint(1, 6)) for _ in range(5)]
            sizes += [(side * generator.randint(1, 6), side) for side in generator.sample(range(1, 900), 5)]
            seen = []
            for width, height in sizes:
                try:
                    rows, cols, tiles = cut(width, height, **settings)
                    if sum(height * width for height, width in tiles) > MAX_PIXELS:
                        raise ValueError("too many pixels")
                    seen.append([width, height, rows, cols, runs(tiles)])
                except ValueError:
                    seen.append([width, height])
            settings = dict(settings)
            outer = settings.pop("processor", {})
            out.append({"processor": outer, "settings": {"image_processor_type": name, **settings}, "cases": seen})
    return out


def samples():
    processor = SmolVLMVideoProcessor()
    generator = random.Random(3)
    cases = []
    for _ in range(300):
        total, fps = generator.choice([1, 2, 7, 20, 100, 1000, 9001]), generator.choice([0.5, 1, 2, 24, 25, 29.97])
        most, rate = generator.choice([1, 4, 8, 64]), generator.choice([0.5, 1, 2, 3])
        metadata = VideoMetadata(total_num_frames=total, fps=fps, duration=total / fps)
        frames = processor.sample_frames(metadata, num_frames=most, fps=rate)
        cases.append({"total": total, "fps": fps, "max_frames": most, "rate": rate, "frames": frames.tolist()})
    return cases


def write(name, value):
    lines = json.dumps(value, separators=(",", ":"))
    (DATA / name).write_text(lines.replace('},{', '},\n{').replace('],[', '],\n[') + "\n")


DATA.mkdir(parents=True, exist_ok=True)
write("resize.json", resizes())
write("decoded.json", pictures())
write("sampling.json", samples())
write("cuts.json", cuts())
write("grids.json", grids())  # last: it replaces the class's resize
