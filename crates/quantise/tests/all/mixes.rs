//! Types of tensors beside those that llama.cpp's own quantiser gave them.

use plimsoll_kernels::DType;
use plimsoll_quantise::{Mix, Model, Place, Role};

/// What llama.cpp made of models of random weights, by `bench/quantise_mixes.py`: a line for each model and mix, without and
/// with an importance matrix, with `name:dimensions:columns:types` of its tensors, the types of all layers in their order,
/// each with how often it comes; or `refused`, for want of such a matrix.
const REFERENCE: &str = include_str!("../data/mixes.txt");

/// `layers=10 tied=0 group=4 experts=0 weighed=0`
fn model(words: &[&str]) -> Model {
    let number = |name: &str| -> usize {
        words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).expect(name).parse().unwrap()
    };
    let (n_layers, group) = (number("layers"), number("group"));
    Model {
        n_layers,
        tied: number("tied") == 1,
        group,
        is_70b: n_layers == 80 && group > 1,
        n_experts: number("experts"),
        is_weighed: number("weighed") == 1,
    }
}

/// The lines of a mix that is written here, cut into words.
fn lines() -> impl Iterator<Item = (Mix, Vec<&'static str>)> {
    REFERENCE.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        Some((Mix::named(words[0])?, words))
    })
}

/// The tensors of a line: name, dimensions, columns and the type of each layer.
fn tensors<'l>(words: &[&'l str]) -> Vec<(&'l str, usize, usize, Vec<&'l str>)> {
    let tensor = |word: &&'l str| {
        let [name, dims, cols, types]: [&str; 4] = word.split(':').collect::<Vec<_>>().try_into().unwrap();
        let layers = types.split(',').flat_map(|run| {
            let (dtype, times) = run.split_once('*').unwrap();
            std::iter::repeat_n(dtype, times.parse().unwrap())
        });
        (name, dims.parse().unwrap(), cols.parse().unwrap(), layers.collect())
    };
    words[6..].iter().map(tensor).collect()
}

#[test]
fn every_tensor_has_the_type_that_llama_cpp_gives_it() {
    let mut compared = 0;
    for (mix, words) in lines().filter(|(_, words)| words[6] != "refused") {
        let model = model(&words[1..6]);
        for (name, n_dims, cols, layers) in tensors(&words) {
            let role = Role::of(name, n_dims);
            for (layer, dtype) in layers.into_iter().enumerate() {
                let place = Place { role, layer, is_stack: n_dims > 2, cols };
                let found = mix.type_of(&model, &place).map_or("F32", DType::name);
                assert_eq!(found, dtype, "{} {:?}: {name} of layer {layer}", words[0], &words[1..6]);
                compared += 1;
            }
        }
    }
    assert!(compared > 10_000, "{compared} tensors");
}

#[test]
fn a_mix_needs_an_importance_matrix_where_llama_cpp_refuses_to_go_without_one() {
    for (mix, words) in lines() {
        let without = model(&words[1..6]);
        if without.is_weighed {
            continue;
        }
        // The same model with a matrix tells its tensors, refused or not.
        let weighed: Vec<&str> = words[1..5].iter().copied().chain(["weighed=1"]).collect();
        let (_, there) = lines().find(|(other, line)| *other == mix && line[1..6] == weighed[..]).unwrap();
        let needs = tensors(&there).into_iter().any(|(name, n_dims, cols, layers)| {
            let role = Role::of(name, n_dims);
            (0..layers.len()).any(|layer| {
                let place = Place { role, layer, is_stack: n_dims > 2, cols };
                mix.type_of(&without, &place).is_some_and(|dtype| mix.needs_importance(role, dtype))
            })
        });
        assert_eq!(needs, words[6] == "refused", "{} {:?}", words[0], &words[1..6]);
    }
}

#[test]
fn a_70b_has_five_bits_where_its_values_would_have_three_or_four() {
    let model = Model { n_layers: 80, tied: false, group: 8, n_experts: 0, is_70b: true, is_weighed: false };
    let place = |role| Place { role, layer: 10, is_stack: false, cols: 8192 };
    for (mix, values) in [(Mix::Q4_K_M, "Q5_K"), (Mix::Q3_K_S, "Q5_K"), (Mix::Q2_K, "Q5_K"), (Mix::Q4_0, "Q4_0")] {
        assert_eq!(mix.type_of(&model, &place(Role::Value)).map(DType::name), Some(values), "{mix}");
        let other = mix.type_of(&Model { is_70b: false, ..model }, &place(Role::Key));
        assert_eq!(mix.type_of(&model, &place(Role::Key)), other, "{mix}");
    }
    // Layers with more bits keep them.
    let first = Place { layer: 0, ..place(Role::Value) };
    assert_eq!(Mix::Q4_K_M.type_of(&model, &first), Some(DType::Q6_K));
}
