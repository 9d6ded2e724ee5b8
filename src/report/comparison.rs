//! A comparison as one HTML file: the verdict, each pair as a dot, the interval at each look, and the table.

use maud::{DOCTYPE, Markup, html};

use crate::comparison::{Scale, Unit};
use crate::page;
use crate::statistics::Interval;
use crate::units::shown::{bytes, float, microseconds, number, percent};

/// Everything that a page of a comparison says.
#[derive(Debug)]
pub struct Comparison {
    /// The verdict, a sentence.
    pub verdict: String,
    /// What was run: what, and its value.
    pub facts: Vec<(&'static str, String)>,
    /// Reasons not to believe it, and other remarks.
    pub remarks: Vec<String>,
    /// What stands above the lines.
    pub header: Line,
    /// A line for each figure.
    pub lines: Vec<Line>,
    /// Of the judged row: its title, its scale, its floor on that scale.
    pub judged: (&'static str, Scale, f64),
    /// The judged row's change in each pair, on its scale.
    pub dots: Vec<f64>,
    /// What each look saw: after how many pairs, the estimate, the interval.
    pub looks: Vec<(usize, f64, Option<Interval>)>,
}

/// A figure in both arms.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is called.
    pub title: String,
    /// Arm A's median and arm B's.
    pub arms: [String; 2],
    /// The change from A to B.
    pub change: String,
    /// Its interval.
    pub interval: String,
    /// What was published of the systems that the arms stand for.
    pub published: Option<[String; 2]>,
}

impl Line {
    /// From left to right.
    #[must_use]
    pub fn cells(&self) -> Vec<&str> {
        let Self { title, arms: [a, b], change, interval, published } = self;
        let published = published.iter().flatten();
        [title, a, b, change, interval].into_iter().chain(published).map(String::as_str).collect()
    }
}

/// A figure with its unit.
#[must_use]
pub fn shown(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Count => number(value),
        Unit::Microseconds => microseconds(value),
        Unit::Percent => percent(value),
        Unit::Seconds => microseconds(1e6 * value),
        Unit::Bytes => bytes(value),
    }
}

/// A change, with its sign: in percent of A for a ratio, in the row's unit for a difference.
#[must_use]
pub fn change(scale: Scale, unit: Unit, distance: f64) -> String {
    let (value, suffix) = match (scale, unit) {
        (Scale::Ratio, _) => (100.0 * distance.exp_m1(), " %"),
        (Scale::Difference, Unit::Percent) => (distance, " points"),
        (Scale::Difference, _) => (distance, ""),
    };
    // A zero has no sign.
    let text = format!("{value:+.2}");
    let text = if text.trim_start_matches(['+', '-']) == "0.00" { "0.00".to_owned() } else { text };
    format!("{text}{suffix}")
}

/// Both ends of an interval.
#[must_use]
pub fn interval(scale: Scale, unit: Unit, interval: Interval) -> String {
    format!("{} to {}", change(scale, unit, interval.low), change(scale, unit, interval.high))
}

/// The page.
#[must_use]
pub fn write(comparison: &Comparison) -> String {
    let Comparison { verdict, facts, remarks, header, lines, judged, dots, looks } = comparison;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "quintain compare: " (verdict) }
                style { (maud::PreEscaped(page::BASE_CSS)) (maud::PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (verdict) }
                    @for remark in remarks { p.remark { (remark) } }
                    dl.facts { @for (what, value) in facts { dt { (what) } dd { (value) } } }
                    section.card {
                        h2 { (judged.0) ": each pair, and what each look saw" }
                        (plot(*judged, dots, looks))
                        p.key { "A dot is the change from A to B in one pair. A bar is the interval of a look, its tick the estimate. The band is the floor: changes within it are the same." }
                    }
                    section.card {
                        h2 { "All figures" }
                        div.scroll {
                            table {
                                thead { tr { @for cell in header.cells() { th { (cell) } } } }
                                tbody { @for line in lines { tr { @for (place, cell) in line.cells().into_iter().enumerate() {
                                    @if place == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                                } } } }
                            }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

const STYLE: &str = "
main { max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.4rem; margin-bottom: .6rem } .facts { margin: 1rem 0 } h2 { font-size: 1rem }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } .facts dd { margin: 0; overflow-wrap: anywhere }
.card { margin: 1rem 0; padding: 1rem } .scroll { overflow-x: auto }
.remark { margin: .2rem 0 }
table { width: 100%; border-collapse: collapse } td, thead th { text-align: right; padding: .3rem .5rem } th { text-align: left; padding: .3rem .5rem } thead th:first-child { text-align: left }
svg { width: 100%; height: auto; display: block }
.zero { stroke: currentColor; stroke-opacity: .5 } .floor { fill: currentColor; fill-opacity: .07 }
.dot { fill: #1f6fb2; fill-opacity: .75 } .look { stroke: #b5651d; stroke-width: 3 } .estimate { stroke: #b5651d; stroke-width: 8 }
text { font-size: 11px; fill: currentColor }
";

/// The size of the plot, and where its scale begins and ends.
const WIDTH: f64 = 800.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 780.0;
const ROW: f64 = 22.0;

fn plot(
    (_, scale, floor): (&'static str, Scale, f64),
    dots: &[f64],
    looks: &[(usize, f64, Option<Interval>)],
) -> Markup {
    let ends =
        looks.iter().filter_map(|(_, _, interval)| *interval).flat_map(|interval| [interval.low, interval.high]);
    let all = || dots.iter().copied().chain(ends.clone()).chain([-floor * 1.5, floor * 1.5]);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let x = |value: f64| LEFT + (value - low) / (high - low) * (RIGHT - LEFT);
    let dots_height = 60.0;
    let height = dots_height + ROW * (float(looks.len() as u64) + 1.0);
    let at = |number: usize| 12.0 + float((number % 5) as u64) * 9.0;
    let label = |value: f64| change(scale, Unit::Percent, value);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height:.0}")) role="img" aria-label="The change in each pair, and the interval at each look" {
            rect.floor x=(format!("{:.1}", x(-floor))) y="0" width=(format!("{:.1}", x(floor) - x(-floor))) height=(format!("{:.0}", height - ROW)) {}
            line.zero x1=(format!("{:.1}", x(0.0))) x2=(format!("{:.1}", x(0.0))) y1="0" y2=(format!("{:.0}", height - ROW)) {}
            @for (number, dot) in dots.iter().enumerate() {
                circle.dot cx=(format!("{:.1}", x(*dot))) cy=(format!("{:.1}", at(number))) r="4" { title { "pair " (number + 1) ": " (label(*dot)) } }
            }
            @for (number, (pairs, estimate, interval)) in looks.iter().enumerate() {
                @let y = dots_height + ROW * (float(number as u64) + 0.5);
                text x="0" y=(format!("{:.1}", y + 4.0)) { (pairs) " pairs" }
                @if let Some(interval) = interval {
                    line.look x1=(format!("{:.1}", x(interval.low))) x2=(format!("{:.1}", x(interval.high))) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                }
                line.estimate x1=(format!("{:.1}", x(*estimate) - 1.5)) x2=(format!("{:.1}", x(*estimate) + 1.5)) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
            }
            text x=(format!("{LEFT:.0}")) y=(format!("{:.0}", height - 4.0)) { (label(low)) }
            text x=(format!("{:.1}", x(0.0))) y=(format!("{:.0}", height - 4.0)) text-anchor="middle" { "no change" }
            text x=(format!("{RIGHT:.0}")) y=(format!("{:.0}", height - 4.0)) text-anchor="end" { (label(high)) }
        }
    }
}
