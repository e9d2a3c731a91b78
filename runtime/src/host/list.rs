//! Core lists in the kernel's notation, as in `isolcpus=`, `taskset -c` and below `/sys`.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// The largest number that a list may name: eight times what the kernel is built for.
const CORE_MAX: usize = (1 << 16) - 1;

/// Cores in the order in which they were listed.
///
/// Reads and writes the kernel's notation: numbers and ranges, with commas or white space between
/// them, and strides (`0-15:2/4` are two of each four). A number that is listed twice is in it
/// twice.
///
/// ```
/// use taut_runtime::cores::CoreList;
///
/// let cores: CoreList = "2-5,8".parse()?;
/// assert_eq!(*cores, [2, 3, 4, 5, 8]);
/// assert_eq!(cores.to_string(), "2-5,8");
/// # Ok::<(), taut_runtime::cores::CoreListError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreList(Vec<usize>);

impl From<Vec<usize>> for CoreList {
    fn from(cores: Vec<usize>) -> Self {
        Self(cores)
    }
}

impl FromIterator<usize> for CoreList {
    fn from_iter<I: IntoIterator<Item = usize>>(cores: I) -> Self {
        Self(cores.into_iter().collect())
    }
}

impl From<CoreList> for Vec<usize> {
    fn from(cores: CoreList) -> Self {
        cores.0
    }
}

impl Deref for CoreList {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromStr for CoreList {
    type Err = CoreListError;

    /// # Errors
    ///
    /// Names the part that is no core, no range of cores, or names one beyond 65 535. An empty
    /// text is an empty list.
    fn from_str(text: &str) -> Result<Self, CoreListError> {
        let mut cores = Vec::new();
        for part in parts(text) {
            let run =
                Run::parse(part).map_err(|why| CoreListError { part: part.to_owned(), why })?;
            cores.extend(run.cores());
        }
        Ok(Self(cores))
    }
}

/// As the kernel cuts a list.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| letter == ',' || letter.is_whitespace())
        .filter(|part| !part.is_empty())
}

/// `first-last:used/group`: so many cores from the start of each group.
struct Run {
    first: usize,
    last: usize,
    used: usize,
    group: usize,
}

impl Run {
    fn parse(part: &str) -> Result<Self, &'static str> {
        let (range, stride) = match part.split_once(':') {
            Some((range, stride)) => (range, Some(stride)),
            None => (part, None),
        };
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err("the range ends before it begins");
        }
        let (used, group) = match stride.map(|stride| stride.split_once('/')) {
            None => (1, 1),
            Some(Some((used, group))) => (number(used)?, number(group)?),
            Some(None) => return Err("a stride is written as first-last:used/group"),
        };
        if used == 0 || used > group {
            return Err("a stride uses at least one and at most all cores of a group");
        }
        Ok(Self { first, last, used, group })
    }

    fn cores(&self) -> impl Iterator<Item = usize> {
        let Self { first, last, used, group } = *self;
        (first..=last).filter(move |core| (core - first) % group < used)
    }
}

fn number(text: &str) -> Result<usize, &'static str> {
    // `parse` takes a sign, the kernel does not.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && number <= CORE_MAX => Ok(number),
        _ if digits => Err("no kernel has so many cores"),
        _ => Err("that is no number"),
    }
}

impl fmt::Display for CoreList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, run) in self.0.chunk_by(|one, next| *next == one + 1).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match *run {
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                [only] => write!(f, "{comma}{only}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

/// A text is no core list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreListError {
    part: String,
    why: &'static str,
}

impl fmt::Display for CoreListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, why } = self;
        write!(f, "{part:?} is no core and no range of cores ({why})")
    }
}

impl Error for CoreListError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Vec<usize> {
        text.parse::<CoreList>().unwrap().into()
    }

    #[test]
    fn the_kernels_notation_is_read() {
        assert_eq!(parsed("0-2,5,7-8\n"), [0, 1, 2, 5, 7, 8]);
        assert_eq!(parsed(" 3 , 1 0,,"), [3, 1, 0]);
        assert_eq!(parsed("4-4"), [4]);
        assert_eq!(parsed("0-9:2/4"), [0, 1, 4, 5, 8, 9]);
        assert!(parsed("\n").is_empty() && parsed(",").is_empty());
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_part_that_is_wrong() {
        let wrong = ["a", "1,x,2", "5-3", "-1", "1-", "1;2", "+1", "0-99999999999", "65536"];
        for text in wrong.into_iter().chain(["0-7:2", "0-7:0/2", "0-7:3/2", "0-7:1/0", "1 - 2"]) {
            let error = text.parse::<CoreList>().unwrap_err();
            let part = parts(text).find(|part| Run::parse(part).is_err()).unwrap();
            assert!(error.to_string().contains(&format!("{part:?}")), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(cores in prop::collection::vec(0..300_usize, 0..40)) {
            let list = CoreList::from(cores.clone());
            prop_assert_eq!(parsed(&list.to_string()), cores);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9,:/ +-]{0,24}|\\PC{0,12}") {
            let _ = text.parse::<CoreList>();
        }

        #[test]
        fn strides_take_the_first_of_each_group(
            first in 0..50_usize, length in 0..100_usize, used in 1..8_usize, more in 0..8_usize,
        ) {
            let (last, group) = (first + length, used + more);
            let expected: Vec<usize> =
                (first..=last).step_by(group).flat_map(|start| start..start + used)
                    .filter(|core| *core <= last).collect();
            prop_assert_eq!(parsed(&format!("{first}-{last}:{used}/{group}")), expected);
        }
    }
}
