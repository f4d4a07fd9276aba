use super::{Colour, Figure, Mark, SIDE, Scene, Shape};

const BLACK: [u8; 3] = [0; 3];

fn black_on_white(figure: Figure, left: u32, top: u32, height: u32) -> Scene {
    let mark = Mark { figure, colour: Colour::Black, rgb: BLACK, left, top, height };
    Scene { ground: Some(Colour::White), ground_rgb: [255; 3], marks: vec![mark] }
}

fn pixel(pixels: &[u8], x: u32, y: u32) -> [u8; 3] {
    let at = ((y * SIDE + x) * 3) as usize;
    [pixels[at], pixels[at + 1], pixels[at + 2]]
}

#[test]
fn a_square_fills_its_box_and_nothing_else() {
    let pixels = black_on_white(Figure::Shape(Shape::Square), 10, 20, 30).rgb8();
    for y in 0..SIDE {
        for x in 0..SIDE {
            let inside = (10..40).contains(&x) && (20..50).contains(&y);
            assert_eq!(pixel(&pixels, x, y), if inside { BLACK } else { [255; 3] }, "at {x}, {y}");
        }
    }
}

#[test]
fn edges_are_smooth() {
    // The side of a triangle as wide as high leaves its tip at half a pixel for each pixel down: in every row but the
    // lowest ones it cuts pixels, of which it covers a part.
    let pixels = black_on_white(Figure::Shape(Shape::Triangle), 10, 10, 40).rgb8();
    for y in 10..50 {
        let greys = (0..SIDE).filter(|x| !matches!(pixel(&pixels, *x, y)[0], 0 | 255)).count();
        assert_eq!(greys, 2, "in row {y}");
    }
}

#[test]
fn every_figure_covers_the_share_of_its_box_that_it_says() {
    // Star: the shoelace formula over its corners. Others: pi/4, 1, 1/2, 5/9, inked cells of 35.
    let shapes = Shape::ALL.map(Figure::Shape);
    for figure in shapes.into_iter().chain(['A', 'K', '1', '8'].map(Figure::Glyph)) {
        let scene = black_on_white(figure, 20, 20, 63);
        let ink: f64 = scene.rgb8().chunks(3).map(|rgb| f64::from(255 - rgb[0]) / 255.0).sum();
        let expected = f64::from(scene.marks[0].area()) / 1000.0;
        assert!((ink / expected - 1.0).abs() < 0.03, "{figure:?}: {ink} of {expected}");
    }
}

#[test]
fn a_png_holds_the_same_pixels() {
    let scene = black_on_white(Figure::Glyph('R'), 5, 7, 70);
    let read = image::load_from_memory(&scene.png()).unwrap().into_rgb8();
    assert_eq!(read.dimensions(), (SIDE, SIDE));
    assert_eq!(read.into_raw(), scene.rgb8());
}

#[test]
fn a_mark_that_reaches_over_the_border_is_cut_there() {
    let scene = black_on_white(Figure::Shape(Shape::Circle), SIDE - 10, SIDE - 10, 40);
    assert_eq!(pixel(&scene.rgb8(), SIDE - 1, SIDE - 1), BLACK);
}
