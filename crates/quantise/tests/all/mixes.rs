//! Types of tensors beside those that llama.cpp's own quantiser gave them.

use plimsoll_kernels::DType;
use plimsoll_quantise::{Mix, Model, Place, Role};

/// What llama.cpp made of models of random weights, by `bench/quantise_mixes.py LIB_DIR`: a line for each model and mix, with
/// `name:dimensions:columns:types` of its tensors, the types of all layers in their order, each with how often it comes.
const REFERENCE: &str = include_str!("../data/mixes.txt");

/// `layers=10 tied=0 group=4 experts=0`
fn model(words: &[&str]) -> Model {
    let number = |name: &str| -> usize {
        words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).expect(name).parse().unwrap()
    };
    Model {
        n_layers: number("layers"),
        tied: number("tied") == 1,
        group: number("group"),
        n_experts: number("experts"),
        is_weighed: false,
    }
}

#[test]
fn every_tensor_has_the_type_that_llama_cpp_gives_it() {
    let mut compared = 0;
    for line in REFERENCE.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let mix = Mix::named(words[0]).unwrap();
        let model = model(&words[1..5]);
        for word in &words[5..] {
            let [name, dims, cols, types]: [&str; 4] = word.split(':').collect::<Vec<_>>().try_into().unwrap();
            let (n_dims, cols): (usize, usize) = (dims.parse().unwrap(), cols.parse().unwrap());
            let role = Role::of(name, n_dims);
            let layers = types.split(',').flat_map(|run| {
                let (dtype, times) = run.split_once('*').unwrap();
                std::iter::repeat_n(dtype, times.parse().unwrap())
            });
            for (layer, dtype) in layers.enumerate() {
                let place = Place { role, layer, is_stack: n_dims > 2, cols };
                let found = mix.type_of(&model, &place).map_or("F32", DType::name);
                assert_eq!(found, dtype, "{line:.60}: {name} of layer {layer}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1000, "{compared} tensors");
}
