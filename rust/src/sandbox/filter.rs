//! The program that the kernel runs at each system call (seccomp's classic BPF), made from a list of calls.
//!
//! It looks at the architecture first: a call by another one's numbers ends the process. Calls that are newer than this
//! list do not exist for it. Then it compares the number with each call of the list; what is not in the list is
//! allowed, and costs nothing, because the kernel remembers for which numbers the answer never depends on arguments
//! (5.11 and later).

use super::calls::{Action, Call, NEWEST, Test};

/// One instruction: code, jump if true, jump if false, operand (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub code: u16,
    /// Steps to leave out where a comparison holds.
    pub yes: u8,
    /// The same where it does not.
    pub no: u8,
    /// Its number.
    pub value: u32,
}

/// `BPF_LD | BPF_W | BPF_ABS`: load a word of the call's data.
const LOAD: u16 = 0x20;
/// `BPF_ALU | BPF_AND | BPF_K`.
const AND: u16 = 0x54;
/// `BPF_JMP | BPF_JA`.
const JUMP: u16 = 0x05;
/// `BPF_JMP | BPF_JEQ | BPF_K`.
const EQUAL: u16 = 0x15;
/// `BPF_JMP | BPF_JGT | BPF_K`: unsigned.
const GREATER: u16 = 0x25;
/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;

/// Where `struct seccomp_data` has the call's number, its architecture and the lower half of its first argument (both
/// architectures here are little endian). The kernel, too, uses only the lower half of all arguments that are tested.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// `AUDIT_ARCH_*` of this architecture; None where there is no list of calls for it.
pub const THIS_ARCHITECTURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else if cfg!(target_arch = "aarch64") {
    Some(0xc000_00b7)
} else {
    None
};

const fn step(code: u16, yes: u8, no: u8, value: u32) -> Step {
    Step {
        code,
        yes,
        no,
        value,
    }
}

const fn answer(action: Action) -> Step {
    let value = match action {
        Action::Refuse => ERRNO | EPERM,
        Action::Missing => ERRNO | ENOSYS,
        Action::Kill => KILL_PROCESS,
    };
    step(RETURN, 0, 0, value)
}

/// The program for `calls`, whose numbers are those of `architecture`.
///
/// # Panics
///
/// Where one call has so many tests that a jump over them does not fit (some sixty).
#[must_use]
pub fn program(architecture: u32, calls: &[Call]) -> Vec<Step> {
    let mut steps = vec![
        step(LOAD, 0, 0, ARCHITECTURE),
        step(EQUAL, 1, 0, architecture),
        answer(Action::Kill),
        step(LOAD, 0, 0, NUMBER),
        // On x86-64 these are also the calls of the x32 ABI, which have bit 30 set.
        step(GREATER, 0, 1, NEWEST),
        answer(Action::Missing),
    ];
    for call in calls {
        let block = block(call);
        let over = u8::try_from(block.len()).expect("a call has few tests");
        steps.push(step(EQUAL, 0, over, call.number));
        steps.extend(block);
    }
    steps.push(step(RETURN, 0, 0, ALLOW));
    steps
}

/// What follows where the number is that of the call. It always ends in an answer.
fn block(call: &Call) -> Vec<Step> {
    if call.tests.is_empty() {
        return vec![answer(call.action)];
    }
    let mut steps: Vec<Step> = call
        .tests
        .iter()
        .flat_map(|test| tested(test, call.action))
        .collect();
    steps.push(step(RETURN, 0, 0, ALLOW));
    steps
}

/// Answer `action` if an argument is not as it must be, else go on behind these steps.
fn tested(test: &Test, action: Action) -> Vec<Step> {
    let number = u8::try_from(test.values.len()).expect("a test has few values");
    let mut steps = vec![
        step(LOAD, 0, 0, ARGUMENTS + 8 * u32::from(test.argument)),
        step(AND, 0, 0, test.mask),
    ];
    // Both ways a match jumps over the comparisons that follow and one step more.
    for (place, value) in (0..).zip(&test.values) {
        steps.push(step(EQUAL, number - place, 0, *value));
    }
    if !test.only {
        steps.push(step(JUMP, 0, 0, 1));
    }
    steps.push(answer(action));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: u32 = 0xc000_003e;

    /// Run a program as the kernel does.
    fn run(program: &[Step], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let (mut at, mut word) = (0, 0u32);
        loop {
            let now = program[at];
            at += 1;
            match now.code {
                LOAD => {
                    word = match now.value {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        offset => arguments[(offset - ARGUMENTS) as usize / 8] as u32,
                    }
                }
                AND => word &= now.value,
                JUMP => at += now.value as usize,
                EQUAL => at += usize::from(if word == now.value { now.yes } else { now.no }),
                GREATER => at += usize::from(if word > now.value { now.yes } else { now.no }),
                RETURN => return now.value,
                code => panic!("unknown code {code}"),
            }
        }
    }

    fn call(number: u32, action: Action, tests: Vec<Test>) -> Call {
        Call {
            number,
            action,
            tests,
        }
    }

    #[test]
    fn only_what_is_listed_is_refused() {
        let program = program(
            HERE,
            &[
                call(101, Action::Kill, vec![]),
                call(41, Action::Refuse, vec![]),
                call(435, Action::Missing, vec![]),
            ],
        );
        let answer = |number| run(&program, HERE, number, [0; 6]);
        assert_eq!(answer(101), KILL_PROCESS);
        assert_eq!(answer(41), ERRNO | EPERM);
        assert_eq!(answer(435), ERRNO | ENOSYS);
        assert_eq!(answer(0), ALLOW);
        assert_eq!(answer(NEWEST), ALLOW);
        assert_eq!(answer(NEWEST + 1), ERRNO | ENOSYS);
        // ptrace of the x32 ABI.
        assert_eq!(answer(0x4000_0000 | 521), ERRNO | ENOSYS);
        assert_eq!(run(&program, 0x4000_0003, 0, [0; 6]), KILL_PROCESS);
    }

    #[test]
    fn arguments_are_tested_one_after_the_other() {
        let only = Test {
            argument: 1,
            mask: 0xff,
            values: vec![1, 5],
            only: true,
        };
        let never = Test {
            argument: 2,
            mask: 0xffff_ffff,
            values: vec![7, 8, 9],
            only: false,
        };
        let program = program(
            HERE,
            &[
                call(53, Action::Refuse, vec![only, never]),
                call(54, Action::Kill, vec![]),
            ],
        );
        let answer = |second, third| run(&program, HERE, 53, [0, second, third, 0, 0, 0]);
        for good in [1, 5, 0xf01, 0xffff_ffff_0000_0005] {
            assert_eq!(answer(good, 0), ALLOW, "{good}");
        }
        for bad in [0, 2, 6, 0x0001_0500] {
            assert_eq!(answer(bad, 0), ERRNO | EPERM, "{bad}");
        }
        for bad in [7, 8, 9, 0x1_0000_0009] {
            assert_eq!(answer(1, bad), ERRNO | EPERM, "{bad}");
        }
        assert_eq!(answer(1, 10), ALLOW);
        assert_eq!(run(&program, HERE, 54, [0; 6]), KILL_PROCESS);
    }
}
