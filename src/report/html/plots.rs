//! The places in which the script draws, and what stands around them.

use maud::{Markup, html};

/// The plots: what the script knows each by, and its title.
const PLOTS: [(&str, &str); 5] = [
    ("rate", "Requests"),
    ("latency", "Latency and service"),
    ("cpu", "CPU of the machine"),
    ("memory", "Memory"),
    ("load", "Waiting and being served"),
];

/// What there is to use while reading them.
const HINT: &str = "Drag over a plot to zoom; a double click or Escape shows the whole run again. In a plot, arrow keys \
                    read it, + and − zoom.";

/// Hidden until something is drawn in them.
pub fn places(resolution: Option<&str>) -> Markup {
    html! {
        div.heading {
            h2 { "Plots" }
            p #cursor { }
            button #reset type="button" hidden title="Escape, or a double click on a plot" { "Show the whole run" }
        }
        noscript {
            p.none { "The plots are drawn by a script, which does not run here; the tables say the same." }
        }
        @if let Some(resolution) = resolution { p.print { (resolution) } }
        div.plots {
            article #strip hidden { h3 { "What happened when" } }
            @for (name, title) in PLOTS {
                article id={ "plot-" (name) } hidden {
                    h3 { (title) }
                    @if name == "latency" { (quantiles()) }
                }
            }
        }
        p.print.scripted hidden { (HINT) }
    }
}

fn quantiles() -> Markup {
    html! {
        fieldset.choice #quantiles {
            legend.unseen { "quantile" }
            @for quantile in ["p50", "p95", "p99", "max"] {
                label {
                    input type="radio" name="quantile" value=(quantile) checked[quantile == "p99"];
                    span { (quantile) }
                }
            }
        }
    }
}
