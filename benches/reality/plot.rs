//! The picture: goodput over time of every setting, and the knobs of the adaptive one.

use sluicegate::sim::trial::report::plot::{Figure, Line, Look, Panel, Tone};

use crate::run::{Contender, RATE, Run};

/// A picture that stands alone. The first of the contenders is the adaptive one.
pub fn svg(contenders: &[Contender], runs: &[Run], seconds: u64) -> String {
    let by_second =
        |values: &mut dyn Iterator<Item = f64>| values.enumerate().map(|(s, n)| (s as f64 + 0.5, n)).collect();
    let tones = [Tone::Own].into_iter().chain(Tone::RIVALS);
    let mut goodput: Vec<Line> = contenders
        .iter()
        .zip(runs)
        .zip(tones)
        .map(|((contender, run), tone)| Line {
            name: contender.name.to_owned(),
            tone,
            look: if tone == Tone::Own { Look::Bold } else { Look::Thin },
            points: by_second(&mut run.goodput.iter().map(|records| *records as f64)),
        })
        .collect();
    // The adaptive one lies on top.
    goodput.rotate_left(1);
    let knobs = runs.first().map(|run| run.knobs.as_slice()).unwrap_or_default();
    let knob = |name: &str, of: fn(&(f64, f64)) -> f64| {
        let points = by_second(&mut knobs.iter().map(of));
        let line = Line { name: String::new(), tone: Tone::Own, look: Look::Bold, points };
        Panel { title: name.to_owned(), lines: vec![line], top_at_most: None }
    };
    let panels = vec![
        Panel { title: "Records in time a second".to_owned(), lines: goodput, top_at_most: Some(1.5 * RATE as f64) },
        knob("Adaptive: records a batch, at most", |(_, batch)| *batch),
        knob("Adaptive: batches in flight, at most", |(workers, _)| *workers),
    ];
    let third = seconds as f64 / 3.0;
    let title = format!("{RATE} records a second; the worker's fixed cost is ten times as high in the shaded third");
    Figure { title, seconds: seconds as f64, panels, columns: 1, shades: vec![(third, 2.0 * third)] }.alone()
}
