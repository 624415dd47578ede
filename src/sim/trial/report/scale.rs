//! Numbers on an axis: round steps, short names, and as many points as an eye can tell apart.

/// The least round number at or above `most` that is a whole number of round steps, and the step.
pub fn round_up(most: f64, steps: f64) -> (f64, f64) {
    if !(most > 0.0 && most.is_finite()) {
        return (1.0, 1.0);
    }
    let rough = most / steps;
    let power = 10_f64.powi(rough.log10().floor() as i32);
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough * 0.999);
    let step = step.unwrap_or(10.0 * power);
    ((most / step - 1e-6).ceil() * step, step)
}

/// `0`, `0.5`, `250`, `1.5k`, `2M`.
pub fn short(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// At most about so many points. Of each stretch the lowest and the highest stay, so that no spike is lost.
pub fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil((most / 2).max(1));
    let mut kept = Vec::with_capacity(most);
    for part in points.chunks(stretch) {
        let by = |order: std::cmp::Ordering| {
            part.iter().enumerate().reduce(|a, b| if b.1.1.total_cmp(&a.1.1) == order { b } else { a })
        };
        let ends = (by(std::cmp::Ordering::Less), by(std::cmp::Ordering::Greater));
        let (Some((low, _)), Some((high, _))) = ends else { continue };
        kept.push(part[low.min(high)]);
        if low != high {
            kept.push(part[low.max(high)]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_on_a_round_number_above_what_it_shows() {
        for (most, top, step) in [(97.0, 100.0, 50.0), (1.2, 1.5, 0.5), (401.0, 600.0, 200.0), (0.0, 1.0, 1.0)] {
            assert_eq!(round_up(most, 3.0), (top, step), "{most}");
        }
    }

    #[test]
    fn numbers_are_written_short() {
        let written: Vec<String> = [0.0, 0.05, 250.0, 1500.0, 2e6].into_iter().map(short).collect();
        assert_eq!(written, ["0", "0.05", "250", "1.5k", "2M"]);
    }

    #[test]
    fn thinning_keeps_the_spikes_and_the_order() {
        let mut points: Vec<(f64, f64)> = (0..5000).map(|i| (f64::from(i), 1.0)).collect();
        points[1234].1 = 99.0;
        points[4321].1 = -99.0;
        let kept = thin(&points, 300);
        assert!(kept.len() <= 300 && kept.contains(&(1234.0, 99.0)) && kept.contains(&(4321.0, -99.0)));
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
    }
}
