use proptest::prelude::*;

use super::*;

fn runs(text: &str, frontier: i64) -> Vec<(i64, i64)> {
    Completed::decode(text, frontier).unwrap_or_else(|| panic!("{text}")).runs.into()
}

#[test]
fn a_few_runs_are_a_few_characters() {
    let text = encode(1_000_000, [(1_000_001, 1_000_050), (1_000_051, 1_005_000)].into_iter(), 3_900);
    assert_eq!(text, "sg1:wIQ9ATEB1SY");
    assert_eq!(runs(&text, 1_000_000), [(1_000_001, 1_000_050), (1_000_051, 1_005_000)]);
}

#[test]
fn nothing_beyond_the_frontier_is_no_text() {
    assert_eq!(encode(7, std::iter::empty(), 3_900), "");
    assert_eq!(encode(7, [(8, 9)].into_iter(), 0), "");
}

#[test]
fn what_is_not_ours_is_no_set() {
    let ours = encode(7, [(8, 20)].into_iter(), 3_900);
    assert!(Completed::decode(&ours, 7).is_some());
    let foreign =
        ["", "sg1:", "sg2:BwEM", "group state of somebody else", "sg1:BwEM=", "sg1:B wEM", "sg1:\u{fc}", "{}"];
    for text in foreign {
        assert_eq!(Completed::decode(text, 7), None, "{text}");
    }
    assert_eq!(Completed::decode(&ours, 8), None, "another frontier");
    assert_eq!(Completed::decode(&format!("{ours}AAAA"), 7), None, "an empty run");
    assert_eq!(runs("sg1:BwAF", 7), [(7, 12)], "what lies at the frontier was not read again yet");
    assert_eq!(Completed::decode(&ours[..ours.len() - 1], 7), None, "cut off");
    let huge = format!("sg1:{}", URL_SAFE_NO_PAD.encode([[0xff; 9].as_slice(), &[0x7f]].concat()));
    assert_eq!(Completed::decode(&huge, 7), None, "no offset");
    assert_eq!(Completed::decode(&"A".repeat(5_000), 7), None);
}

#[test]
fn what_does_not_fit_is_left_out_from_the_far_end() {
    let every_other = (0..20_000).map(|n| (1 + 2 * n, 2 + 2 * n));
    let text = encode(0, every_other.clone(), 3_900);
    assert!(text.len() <= 3_900 && text.len() > 3_890, "{}", text.len());
    let kept = runs(&text, 0);
    assert!(kept.len() > 1_400, "{}", kept.len());
    assert!(kept.iter().copied().eq(every_other.take(kept.len())));
}

#[test]
fn runs_that_were_passed_are_forgotten() {
    let mut set = Completed::decode(&encode(0, [(1, 3), (5, 6)].into_iter(), 3_900), 0).unwrap();
    let found: Vec<i64> = (0..8).filter(|offset| set.has(*offset)).collect();
    assert_eq!(found, [1, 2, 5]);
    assert!(set.is_empty());
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        frontier in 0..i64::MAX / 2,
        steps in prop::collection::vec((1i64..100_000, 1i64..100_000), 0..300),
        bytes_max in 0usize..5_000,
    ) {
        let mut at = frontier;
        let all: Vec<(i64, i64)> = steps
            .iter()
            .map(|(unfinished, finished)| {
                let from = at + unfinished;
                at = from + finished;
                (from, at)
            })
            .collect();
        let text = encode(frontier, all.iter().copied(), bytes_max);
        prop_assert!(text.len() <= bytes_max.min(TEXT_BYTES_MAX) && text.is_ascii());
        if !text.is_empty() {
            let kept = runs(&text, frontier);
            prop_assert_eq!(&kept[..], &all[..kept.len()]);
        }
    }

    #[test]
    fn any_text_is_a_set_or_none(text in "\\PC{0,64}", bytes in prop::collection::vec(any::<u8>(), 0..64), frontier: i64) {
        let _ = Completed::decode(&text, frontier);
        let ours = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes));
        if let Some(set) = Completed::decode(&ours, frontier) {
            // Ascending, apart from one another, none before the frontier.
            let mut at = frontier.checked_sub(1).unwrap_or(frontier);
            for (from, to) in set.runs {
                prop_assert!(at < from && from < to);
                at = to;
            }
        }
    }
}
