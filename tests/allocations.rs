//! What a record costs in memory taken from the allocator, counted: in steady state a step of the engine takes none for
//! a record nor for a batch. What is left is two for a commit (one a second) and one for a turn of the gate.

#[path = "support/mill.rs"]
mod mill;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use mill::{Mill, Mode, PARTITIONS};

/// Counts what this thread takes while it is asked to.
struct Counting;

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

fn note() {
    if COUNTS.get() {
        TAKEN.set(TAKEN.get() + 1);
    }
}

// SAFETY: everything is the system's; a cell of the thread is all that is touched besides.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A list may still reach its full length.
const GROWTH: u64 = 2;

/// What was taken over some thousand records, and how often something happened that may take.
struct Count {
    taken: u64,
    commits: u64,
    turns_of_gate: u64,
}

fn count(mode: Mode, batch: u32) -> Count {
    const RECORDS: u64 = 8_000;
    let mut mill = Mill::new(mode, batch, true);
    while mill.settled < RECORDS {
        mill.turn(&mut |step| step());
    }
    TAKEN.set(0);
    let (commits, turns_of_gate) = (mill.commits, mill.turns_of_gate);
    while mill.settled < 2 * RECORDS {
        mill.turn(&mut |step| {
            COUNTS.set(true);
            step();
            COUNTS.set(false);
        });
    }
    Count { taken: TAKEN.get(), commits: mill.commits - commits, turns_of_gate: mill.turns_of_gate - turns_of_gate }
}

#[test]
fn a_record_costs_no_allocation_in_steady_state() {
    for mode in [Mode::Off, Mode::Shadow, Mode::On, Mode::Picking] {
        for batch in [1, 32] {
            let Count { taken, commits, turns_of_gate } = count(mode, batch);
            println!(
                "{}, batches of {batch}: {taken} allocations in 8000 records, {commits} commits, {turns_of_gate} turns of the gate",
                mode.name()
            );
            // A commit has its list of offsets, and one for whoever watches, and for each partition with something
            // finished beyond its frontier the text that says so, made in three; a turn of the gate names its partitions.
            let allowed = (2 + 3 * u64::from(PARTITIONS)) * commits + turns_of_gate + GROWTH;
            assert!(taken <= allowed, "{}, batches of {batch}: {taken} instead of {allowed}", mode.name());
        }
    }
}
