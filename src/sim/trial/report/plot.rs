//! Things over time as SVG, panel by panel. Drawn by hand: what crates there are draw on whole pixels with fixed colours
//! (plotters) or need a browser (charming), and a sidecar's binary is no place for either.

use std::fmt::{self, Write};

use super::{
    scale::{round_up, short, thin},
    style,
};

/// A picture: panels over the same seconds.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    pub title: String,
    pub seconds: f64,
    pub panels: Vec<Panel>,
    /// Panels beside each other.
    pub columns: usize,
    /// Stretches of time in which something was different.
    pub shades: Vec<(f64, f64)>,
}

/// Lines on one scale, from zero up.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    /// What is shown, with its unit.
    pub title: String,
    pub lines: Vec<Line>,
    /// The scale ends here at the latest; what is higher is cut.
    pub top_at_most: Option<f64>,
}

#[derive(Debug, Clone)]
pub struct Line {
    pub name: String,
    pub tone: Tone,
    pub look: Look,
    /// Seconds and values, in order.
    pub points: Vec<(f64, f64)>,
}

/// Colours, by what they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Own,
    Best,
    Given,
    First,
    Second,
    Third,
    Fourth,
}

impl Tone {
    /// For one rival after the other.
    pub const RIVALS: [Self; 5] = [Self::First, Self::Second, Self::Third, Self::Fourth, Self::Given];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Bold,
    Plain,
    Thin,
    Dashed,
    /// Filled down to zero.
    Area,
}

const WIDTH: f64 = 960.0;
const PANEL: f64 = 150.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;
const HEAD: f64 = 48.0;
const FOOT: f64 = 24.0;
const CAPTION: f64 = 30.0;
const POINTS: usize = 300;
/// About what a letter takes.
const LETTER: f64 = 6.1;

/// Where a panel's axes lie.
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    seconds: f64,
    most: f64,
}

impl Frame {
    fn x(&self, at: f64) -> f64 {
        self.left + self.width * (at / self.seconds).clamp(0.0, 1.0)
    }

    fn y(&self, value: f64) -> f64 {
        self.top + PANEL * (1.0 - (value / self.most).clamp(0.0, 1.0))
    }
}

impl Figure {
    /// Within a page that has the style.
    pub fn inline(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.draw(&mut out, None);
        out
    }

    /// A file of its own.
    pub fn alone(&self) -> String {
        let mut out = String::new();
        let _ = self.draw(&mut out, Some(&format!("{}{}", style::COLOURS, style::PICTURE)));
        out
    }

    fn draw(&self, out: &mut String, style: Option<&str>) -> fmt::Result {
        let columns = self.columns.max(1);
        let row = HEAD + PANEL + FOOT;
        let above = if style.is_some() { CAPTION } else { 0.0 };
        let height = above + row * self.panels.len().div_ceil(columns) as f64;
        let title = escape(&self.title);
        write!(
            out,
            "<svg class=\"fig\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\">"
        )?;
        if let Some(style) = style {
            write!(out, "<style>{style}</style><rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>")?;
            write!(out, "<text class=\"cap\" x=\"8\" y=\"20\">{title}</text>")?;
        }
        for (index, panel) in self.panels.iter().enumerate() {
            let wide = WIDTH / columns as f64;
            let frame = Frame {
                left: wide * (index % columns) as f64 + LEFT,
                top: above + row * (index / columns) as f64 + HEAD,
                width: wide - LEFT - RIGHT,
                seconds: self.seconds.max(1e-9),
                most: 1.0,
            };
            self.panel(out, panel, frame)?;
        }
        writeln!(out, "</svg>")
    }

    fn panel(&self, out: &mut String, panel: &Panel, mut frame: Frame) -> fmt::Result {
        let highest = panel.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let highest = highest.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let (top, step) = round_up(highest.min(panel.top_at_most.unwrap_or(f64::INFINITY)) * 1.02, 3.0);
        frame.most = top;
        let (left, right, foot) = (frame.left, frame.left + frame.width, frame.top + PANEL);
        for (from, to) in &self.shades {
            let (x, width) = (frame.x(*from), frame.x(*to) - frame.x(*from));
            write!(
                out,
                "<rect class=\"shade\" x=\"{x:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"{PANEL}\"/>",
                frame.top
            )?;
        }
        for tick in 0..=(top / step).round() as u32 {
            let (value, y) = (f64::from(tick) * step, frame.y(f64::from(tick) * step));
            write!(out, "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>")?;
            let text = short(value);
            write!(out, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", left - 6.0, y + 4.0)?;
        }
        let (last, step) = round_up(self.seconds, 6.0);
        for tick in 0..=(last / step).round() as u32 {
            let at = f64::from(tick) * step;
            if at > self.seconds * 1.001 {
                break;
            }
            let unit = if tick == 0 { " s" } else { "" };
            let x = frame.x(at);
            write!(out, "<path class=\"axis\" d=\"M{x:.1} {foot}v4\"/>")?;
            write!(out, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}{unit}</text>", foot + 16.0, short(at))?;
        }
        write!(out, "<path class=\"axis\" d=\"M{left} {foot}H{right}\"/>")?;
        for line in &panel.lines {
            draw_line(out, line, &frame)?;
        }
        legend(out, panel, &frame)
    }
}

/// Where there is no number the line has a gap.
fn draw_line(out: &mut String, line: &Line, frame: &Frame) -> fmt::Result {
    let look = match line.look {
        Look::Bold => "l bold",
        Look::Plain => "l",
        Look::Thin => "l thin",
        Look::Dashed => "l dash",
        Look::Area => "area",
    };
    let (tone, is_area) = (line.tone as u8, line.look == Look::Area);
    write!(out, "<path class=\"{look} {}{tone}\" d=\"", if is_area { 'f' } else { 's' })?;
    for run in line.points.split(|(_, value)| !value.is_finite()).filter(|run| !run.is_empty()) {
        draw_run(out, &thin(run, POINTS), frame, is_area)?;
    }
    write!(out, "\"><title>{}</title></path>", escape(&line.name))
}

fn draw_run(out: &mut String, points: &[(f64, f64)], frame: &Frame, is_area: bool) -> fmt::Result {
    let (Some((first, start)), Some((last, _))) = (points.first(), points.last()) else { return Ok(()) };
    write!(out, "M{:.1} {:.1}", frame.x(*first), frame.y(if is_area { 0.0 } else { *start }))?;
    // A level that stays needs its last point only.
    let y = |index: usize| points.get(index).map(|(_, value)| (10.0 * frame.y(*value)).round());
    for (index, (at, value)) in points.iter().enumerate() {
        if index == 0 || y(index) != y(index - 1) || y(index) != y(index + 1) {
            write!(out, "L{:.1} {:.1}", frame.x(*at), frame.y(*value))?;
        }
    }
    if is_area {
        write!(out, "L{:.1} {:.1}Z", frame.x(*last), frame.y(0.0))?;
    }
    Ok(())
}

/// The title, and below it the names of the lines.
fn legend(out: &mut String, panel: &Panel, frame: &Frame) -> fmt::Result {
    let (mut x, y) = (frame.left, frame.top - 9.0);
    write!(out, "<text class=\"h\" x=\"{x}\" y=\"{}\">{}</text>", y - 17.0, escape(&panel.title))?;
    for line in panel.lines.iter().filter(|line| !line.name.is_empty()) {
        let look = if line.look == Look::Dashed { "l dash" } else { "l bold" };
        write!(out, "<path class=\"{look} s{}\" d=\"M{x:.0} {}h12\"/>", line.tone as u8, y - 4.0)?;
        write!(out, "<text class=\"k\" x=\"{:.0}\" y=\"{y}\">{}</text>", x + 16.0, escape(&line.name))?;
        x += 16.0 + LETTER * line.name.chars().count() as f64 + 11.0;
    }
    Ok(())
}

/// For text within markup, and within an attribute.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        let points = (0..5000).map(|i| (f64::from(i) / 100.0, f64::from(i % 7))).collect();
        let line = Line { name: "a < b".to_owned(), tone: Tone::Own, look: Look::Bold, points };
        let panel = Panel { title: "records & more".to_owned(), lines: vec![line], top_at_most: None };
        Figure { title: "t".to_owned(), seconds: 50.0, panels: vec![panel.clone(), panel], columns: 2, shades: vec![] }
    }

    #[test]
    fn a_picture_is_small_says_its_names_and_needs_nothing_from_elsewhere() {
        let svg = figure().alone();
        assert!(svg.len() < 20_000, "{}", svg.len());
        assert!(svg.contains("a &lt; b") && svg.contains("records &amp; more") && svg.contains("prefers-color-scheme"));
        assert!(!svg.contains("<script") && !svg.contains("url(") && svg.matches("http").count() == 1);
    }

    #[test]
    fn values_that_are_no_numbers_are_left_out() {
        let mut figure = figure();
        figure.panels[0].lines[0].points = vec![(0.0, f64::NAN), (1.0, f64::INFINITY)];
        figure.panels[1].lines[0].points.clear();
        let svg = figure.inline();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
