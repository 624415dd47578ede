//! Medians, ranges and a table.

/// Median, least and most of some figures.
pub struct Spread {
    pub median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (low, high) = (at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2));
        Self { median: f64::midpoint(low, high), least: at(0), most: at(sorted.len().saturating_sub(1)) }
    }

    /// `median (least-most)` with so many decimals.
    pub fn show(&self, decimals: usize) -> String {
        format!("{:.decimals$} ({:.decimals$}-{:.decimals$})", self.median, self.least, self.most)
    }

    /// The same in thousands, for rates.
    pub fn show_thousands(&self) -> String {
        format!("{:.0} 000 ({:.0}-{:.0} 000)", self.median / 1e3, self.least / 1e3, self.most / 1e3)
    }
}

/// A markdown table.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Self {
        let names = head.iter().map(|name| (*name).to_owned()).collect();
        let line = head.iter().map(|_| "---".to_owned()).collect();
        Self { rows: vec![names, line] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub fn print(&self) {
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
        println!();
    }
}
