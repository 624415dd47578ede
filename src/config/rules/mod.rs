//! Rules over more than one value, or over what a value means. Each is silent when a value it needs is unfit for use:
//! that problem is reported already.

mod control;
mod ingress;
mod kafka;
mod queue;
mod timing;
mod worker;

pub(crate) use timing::{drain_timeout, max_poll_interval, session_timeout};

use crate::config::{flag::Flag, pass_through::PassThrough, problem::Problem, value::Values};

/// What a rule looks at, and where it puts what it finds.
pub(crate) struct Review<'a> {
    pub values: &'a Values,
    pub pass_through: &'a PassThrough,
    pub problems: &'a mut Vec<Problem>,
}

/// Every rule.
pub(crate) fn check(mut review: Review<'_>) {
    queue::check(&mut review);
    control::check(&mut review);
    timing::check(&mut review);
    kafka::check(&mut review);
    worker::check(&mut review);
    ingress::check(&mut review);
}

impl Review<'_> {
    /// Reports `flag`, as it was given.
    fn report(&mut self, flag: &Flag, what: impl Into<String>, next: impl Into<String>) {
        let mut problem = Problem::new(flag.name, what, next).range(flag.kind.range());
        if let Some(shown) = self.values.shown(flag) {
            problem = problem.given(shown).origin(self.values.origin(flag));
        }
        self.problems.push(problem);
    }

    /// Reports that `flag` and `other` do not go together: `relation` stands between the two.
    fn clash(&mut self, flag: &Flag, relation: &str, other: &Flag, next: impl Into<String>) {
        let what = format!("{relation} {}, which is {}", other.name, self.describe(other));
        self.report(flag, what, next);
    }

    /// `80 (default)`
    fn describe(&self, flag: &Flag) -> String {
        let shown = self.values.shown(flag).unwrap_or_else(|| "unset".into());
        format!("{shown} ({})", self.values.origin(flag))
    }
}
