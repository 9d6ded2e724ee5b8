//! A small line as a picture that needs no script.

use std::fmt::Write;

use maud::{Markup, html};

use super::super::spark::{Spark, Sparks};

const WIDTH: f64 = 120.0;
const HEIGHT: f64 = 18.0;

/// One of them, on the scale of all.
pub fn picture(line: &Spark, sparks: &Sparks) -> Markup {
    let most = line.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max);
    let label = format!("up to {}/s", crate::units::shown::number(most));
    let scaled = |&(seconds, value): &(f64, Option<f64>)| {
        let x = seconds / sparks.seconds.max(1e-9) * WIDTH;
        value.map(|value| (x, (HEIGHT - 1.0) * (1.0 - value / sparks.most.max(1e-9)) + 0.5))
    };
    let points: Vec<Option<(f64, f64)>> = line.iter().map(scaled).collect();
    let known: Vec<&[Option<(f64, f64)>]> =
        points.split(Option::is_none).filter(|stretch| !stretch.is_empty()).collect();
    let (mut stroke, mut area) = (String::new(), String::new());
    for stretch in known {
        let stretch: Vec<(f64, f64)> = stretch.iter().copied().flatten().collect();
        let (Some((first, _)), Some((last, _))) = (stretch.first(), stretch.last()) else { continue };
        let mut path = String::new();
        for (x, y) in &stretch {
            let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
        }
        let _ = write!(area, "{path}L{last:.1} {HEIGHT}L{first:.1} {HEIGHT}Z");
        stroke.push_str(&path);
    }
    html! {
        svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            path.area d=(area) {}
            path.line d=(stroke) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_a_gap() {
        let line: Spark = vec![(0.0, None), (1.0, Some(10.0)), (2.0, Some(5.0)), (3.0, None), (4.0, Some(0.0))];
        let sparks = Sparks { seconds: 4.0, most: 10.0, ..Sparks::default() };
        let picture = picture(&line, &sparks).into_string();
        assert!(picture.contains(r#"class="line" d="M30.0 0.5L60.0 9.0M120.0 17.5""#), "{picture}");
        assert!(picture.contains("up to 10/s"), "{picture}");
    }
}
