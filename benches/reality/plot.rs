//! The picture: goodput over time of every setting, and the knobs of the adaptive one.

use std::fmt::Write;

use crate::run::{Contender, RATE, Run};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const COLOURS: [&str; 6] = ["#d62728", "#7f7f7f", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e"];

/// A picture that stands alone.
pub fn svg(contenders: &[Contender], runs: &[Run], seconds: u64) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut out, contenders, runs, seconds);
    out
}

fn draw(out: &mut String, contenders: &[Contender], runs: &[Run], seconds: u64) -> std::fmt::Result {
    let total = 2.0 * HEIGHT + 170.0;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {total}\" font-family=\"sans-serif\" font-size=\"12\">",
        WIDTH + LEFT + 20.0
    )?;
    writeln!(out, "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>")?;
    let x = |second: usize| LEFT + WIDTH * second as f64 / seconds as f64;
    let third = WIDTH / 3.0;
    for top in [30.0, HEIGHT + 80.0] {
        writeln!(
            out,
            "<rect x=\"{}\" y=\"{top}\" width=\"{third}\" height=\"{HEIGHT}\" fill=\"#f3ecd8\"/>",
            LEFT + third
        )?;
        writeln!(out, "<path d=\"M{LEFT} {top}V{}H{}\" fill=\"none\" stroke=\"#333\"/>", top + HEIGHT, LEFT + WIDTH)?;
    }
    let most = 1.25 * RATE as f64;
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"20\">records in time a second ({RATE} offered; the worker is ten times slower in the shaded third)</text>"
    )?;
    labels(out, 30.0, most)?;
    for ((contender, run), colour) in contenders.iter().zip(runs).zip(COLOURS).rev() {
        let points: Vec<(f64, f64)> = run.goodput.iter().enumerate().map(|(s, n)| (x(s), *n as f64 / most)).collect();
        line(out, &points, 30.0, colour, if contender.name == "adaptive" { 2.5 } else { 1.2 })?;
    }
    writeln!(
        out,
        "<text x=\"{LEFT}\" y=\"{}\">adaptive: batch size (red) and 10 x concurrency (blue)</text>",
        HEIGHT + 70.0
    )?;
    let knobs = runs.first().map(|run| run.knobs.as_slice()).unwrap_or_default();
    let most = knobs.iter().map(|(workers, batch)| batch.max(10.0 * workers)).fold(10.0, f64::max);
    labels(out, HEIGHT + 80.0, most)?;
    let of = |f: fn(&(f64, f64)) -> f64| knobs.iter().enumerate().map(|(s, k)| (x(s), f(k) / most)).collect::<Vec<_>>();
    line(out, &of(|(_, batch)| *batch), HEIGHT + 80.0, COLOURS[0], 2.0)?;
    line(out, &of(|(workers, _)| 10.0 * workers), HEIGHT + 80.0, COLOURS[2], 2.0)?;
    for (index, (contender, colour)) in contenders.iter().zip(COLOURS).enumerate() {
        let (x, y) = (LEFT + 285.0 * (index % 3) as f64, total - 30.0 + 18.0 * (index / 3) as f64);
        writeln!(out, "<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{}</text>", contender.name)?;
    }
    writeln!(out, "</svg>")
}

fn labels(out: &mut String, top: f64, most: f64) -> std::fmt::Result {
    for part in [0.0, 0.5, 1.0] {
        let y = top + HEIGHT * (1.0 - part) + 4.0;
        writeln!(out, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{:.0}</text>", LEFT - 6.0, most * part)?;
    }
    Ok(())
}

fn line(out: &mut String, points: &[(f64, f64)], top: f64, colour: &str, width: f64) -> std::fmt::Result {
    write!(out, "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" points=\"")?;
    for (x, share) in points {
        write!(out, "{x:.1},{:.1} ", top + HEIGHT * (1.0 - share.clamp(0.0, 1.0)))?;
    }
    writeln!(out, "\"/>")
}
