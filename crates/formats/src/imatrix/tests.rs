use super::*;

fn two() -> Imatrix {
    let dense = Importance { sums: vec![8.0, 0.0, 2.0], counts: vec![4.0] };
    let experts = Importance { sums: vec![1.0, 3.0, 0.0, 0.0], counts: vec![2.0, 0.0] };
    let weights = [("blk.0.attn_q.weight".to_owned(), dense), ("blk.0.ffn_up_exps.weight".to_owned(), experts)];
    Imatrix { datasets: vec!["calm.txt".to_owned()], chunks: 3, chunk_size: 512, weights: weights.into() }
}

fn parsed(bytes: Vec<u8>) -> Result<Imatrix, String> {
    Imatrix::parse(FileBytes::owned("imatrix", bytes)).map_err(|error| error.to_string())
}

/// As llama.cpp's `save_imatrix_legacy` writes it.
fn legacy(weights: &[(&str, i32, &[f32])]) -> Vec<u8> {
    let text = |name: &str| [&(name.len() as i32).to_le_bytes()[..], name.as_bytes()].concat();
    let mut out = (weights.len() as i32).to_le_bytes().to_vec();
    for (name, passes, values) in weights {
        out.extend(text(name));
        out.extend(passes.to_le_bytes());
        out.extend((values.len() as i32).to_le_bytes());
        values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    }
    out.extend(7i32.to_le_bytes());
    out.extend(text("calm.txt"));
    out
}

#[test]
fn what_is_written_is_what_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("imatrix.gguf");
    two().write(&path).unwrap();
    assert_eq!(Imatrix::open(&path).unwrap(), two());
}

#[test]
fn an_expert_without_inputs_has_no_means() {
    let two = two();
    assert_eq!(two.weights["blk.0.attn_q.weight"].means(0), Some(vec![2.0, 0.0, 0.5]));
    let experts = &two.weights["blk.0.ffn_up_exps.weight"];
    assert_eq!((experts.means(0), experts.means(1), experts.means(2)), (Some(vec![0.5, 1.5]), None, None));
}

#[test]
fn the_older_form_is_read() {
    let read = parsed(legacy(&[("blk.0.attn_q.weight", 4, &[8.0, 0.0, 2.0])])).unwrap();
    assert_eq!(read.weights["blk.0.attn_q.weight"].means(0), Some(vec![2.0, 0.0, 0.5]));
    assert_eq!((read.chunks, &read.datasets[..]), (7, &["calm.txt".to_owned()][..]));
}

#[test]
fn what_is_no_importance_matrix_is_refused_with_the_reason() {
    let mut cut = legacy(&[("a", 1, &[1.0, 2.0])]);
    cut.truncate(20);
    let cases: [(Vec<u8>, &str); 5] = [
        (b"not one".to_vec(), "lies beyond its end"),
        (cut, "the importance of a weight lies beyond its end"),
        (legacy(&[]), "the importance of no weight"),
        (legacy(&[("a", 1, &[f32::NAN])]), "the value NaN"),
        (legacy(&[("a", 1, &[-1.0])]), "the value -1"),
    ];
    for (bytes, expected) in cases {
        let error = parsed(bytes).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
