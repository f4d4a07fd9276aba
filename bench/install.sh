#!/usr/bin/env bash
# Installs the peers that peers.py measures: llama.cpp built for the instruction-set levels named, and candle.
#
#     bench/install.sh [DIR [LEVEL…]]      default: bench/peers, where peers.py looks for them; native avx512 avx2
#
# Needs Debian or Ubuntu with the rights to install packages, a Rust toolchain, and the registries PyPI and crates.io.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
peers=$(mkdir -p "${1:-$here/peers}" && cd "${1:-$here/peers}" && pwd)
levels=("${@:2}")
[ "${#levels[@]}" -gt 0 ] || levels=(native avx512 avx2)

# The source distribution carries the whole of llama.cpp.
package=llama_cpp_python version=0.3.36
# gcc 12 drops part of the AMX tile configuration: what it builds crashes at the first product.
clang=16

sudo=$([ "$(id -u)" = 0 ] || echo sudo)
$sudo apt-get update -qq
$sudo apt-get install -y -qq clang-$clang libomp-$clang-dev cmake ninja-build python3-pip python3-venv

if [ ! -d "$peers/$package-$version" ]; then
  python3 -m pip download --quiet --no-deps --no-binary :all: -d "$peers" "llama-cpp-python==$version" ||
    { echo "PyPI gives no llama-cpp-python $version"; exit 1; }
  tar -xzf "$peers/$package-$version.tar.gz" -C "$peers"
fi
source=$peers/$package-$version/vendor/llama.cpp
echo "llama.cpp of llama-cpp-python $version, clang $clang" >"$peers/llama.cpp-version"

# build LEVEL FLAG…: the tools of one level into llama.cpp-LEVEL/bin
build() {
  local level=$1 && shift
  cmake -G Ninja -S "$source" -B "$peers/llama.cpp-$level" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER=clang-$clang -DCMAKE_CXX_COMPILER=clang++-$clang -DBUILD_SHARED_LIBS=OFF \
    -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF "$@" >/dev/null
  cmake --build "$peers/llama.cpp-$level" --target llama-bench llama-batched-bench llama-perplexity \
    llama-quantize llama-imatrix llama-mtmd-cli >/dev/null
  echo "$level: $peers/llama.cpp-$level/bin"
}
avx2=(-DGGML_NATIVE=OFF -DGGML_AVX=ON -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON)
avx512=(-DGGML_AVX512=ON -DGGML_AVX512_VBMI=ON -DGGML_AVX512_VNNI=ON -DGGML_AVX512_BF16=ON)
for level in "${levels[@]}"; do
  case $level in
    native) build native -DGGML_NATIVE=ON ;;
    avx512) build avx512 "${avx2[@]}" "${avx512[@]}" ;;
    avx2) build avx2 "${avx2[@]}" ;;
    *) echo "unknown level $level: there are native, avx512 and avx2" >&2 && exit 1 ;;
  esac
done

# candle chooses its instructions when it is compiled.
RUSTFLAGS="-C target-cpu=native" CARGO_TARGET_DIR=$peers/candle \
  cargo build --release --locked --quiet --manifest-path "$here/candle/Cargo.toml"
echo "candle: $peers/candle/release/candle-bench"
