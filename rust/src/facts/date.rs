//! Dates as files write them, and what of them makes sense.

/// Before the first photograph, and long after anything that is made now, a date is nonsense.
const YEARS: std::ops::RangeInclusive<i64> = 1826..=2100;
/// A count of seconds that means a year before this was never set.
const FIRST_COUNTED: i64 = 1990;
const DAY: i64 = 86_400;
/// No zone is further from UTC, in minutes.
const MAX_OFFSET: i32 = 14 * 60;

/// A date as a clock on the wall showed it, as exact as the file says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stamp {
    year: i64,
    month: Option<u8>,
    day: Option<u8>,
    /// Hour, minute, second.
    time: Option<(u8, u8, u8)>,
    ms: Option<u16>,
    /// Minutes east of UTC, where that is known.
    offset: Option<i32>,
}

impl Stamp {
    /// A year, and no more.
    fn of_year(year: i64) -> Self {
        Self {
            year,
            month: None,
            day: None,
            time: None,
            ms: None,
            offset: None,
        }
    }

    fn checked(self) -> Option<Self> {
        let month = self.month.unwrap_or(1);
        let day = self.day.unwrap_or(1);
        let (hour, minute, second) = self.time.unwrap_or_default();
        let in_month = (1..=12).contains(&month) && (1..=days_in(self.year, month)).contains(&day);
        let in_day = hour < 24 && minute < 60 && second < 60;
        let zero =
            (self.year, month, day) == (1970, 1, 1) || (self.year, month, day) == (1904, 1, 1);
        let unset = zero && self.time.is_some() && (hour, minute, second) == (0, 0, 0);
        (YEARS.contains(&self.year) && in_month && in_day && !unset).then_some(self)
    }

    /// EXIF: `2024:05:31 14:03:22`; unset parts are blanks or zeros. Other separators are met, too.
    pub fn exif(text: &[u8]) -> Option<Self> {
        let mut numbers = Numbers(text);
        let year = numbers.digits(4, 4)?;
        let month = numbers.after(b":-/.", 2)?;
        let day = numbers.after(b":-/.", 2)?;
        let hour = numbers.after(b" T", 2);
        let minute = hour.and_then(|_| numbers.after(b":", 2));
        let second = minute.and_then(|_| numbers.after(b":", 2));
        let time = match (hour, minute) {
            (Some(hour), Some(minute)) => Some(clock(hour, minute, second)),
            _ => None,
        };
        let stamp = Self {
            month: Some(month as u8),
            day: Some(day as u8),
            time,
            ..Self::of_year(year.into())
        };
        let rest = Self::rest(numbers, stamp)?;
        rest.checked()
    }

    /// ISO 8601 as XMP, QuickTime, Vorbis comments and documents write it: from a year alone to a fraction of a second
    /// and an offset.
    pub fn iso(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let mut numbers = Numbers(text);
        let mut stamp = Self::of_year(numbers.digits(4, 4)?.into());
        if let Some(month) = numbers.after(b"-:/", 2) {
            stamp.month = Some(month as u8);
            stamp.day = numbers.after(b"-:/", 2).map(|day| day as u8);
            if stamp.day.is_some()
                && let Some(hour) = numbers.after(b"T ", 2)
            {
                let minute = numbers.after(b":", 2)?;
                stamp.time = Some(clock(hour, minute, numbers.after(b":", 2)));
                stamp = Self::rest(numbers, stamp)?;
            }
        }
        stamp.checked()
    }

    /// A fraction and an offset, where they follow a time.
    fn rest(mut numbers: Numbers<'_>, mut stamp: Self) -> Option<Self> {
        if stamp.time.is_none() {
            return Some(stamp);
        }
        if let [b'.' | b',', rest @ ..] = numbers.0 {
            let (digits, rest) = leading_digits(rest);
            stamp.ms = milliseconds(digits);
            numbers.0 = rest;
        }
        stamp.offset = offset(numbers.0);
        Some(stamp)
    }

    /// PDF: `D:20240531140322+02'00'`, of which all after the year may be missing.
    pub fn pdf(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b"D:").unwrap_or(text).trim_ascii();
        Self::digits(text)
    }

    /// The same digits without separators; IPTC and RIFF write them so, too.
    pub fn digits(text: &[u8]) -> Option<Self> {
        let mut numbers = Numbers(text);
        let mut stamp = Self::of_year(numbers.digits(4, 4)?.into());
        stamp.month = numbers.digits(2, 2).map(|month| month as u8);
        stamp.day = stamp
            .month
            .and_then(|_| numbers.digits(2, 2))
            .map(|day| day as u8);
        if stamp.day.is_some()
            && let Some(hour) = numbers.digits(2, 2)
        {
            let minute = numbers.digits(2, 2).unwrap_or_default();
            stamp.time = Some(clock(hour, minute, numbers.digits(2, 2)));
            stamp.offset = offset(numbers.0);
        }
        stamp.checked()
    }

    /// `Fri May 31 14:03:22 2024`, as films in RIFF have it.
    pub fn asctime(text: &[u8]) -> Option<Self> {
        const MONTHS: [&str; 12] = [
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ];
        let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
        let words: Vec<&str> = text
            .split(|letter: char| letter.is_whitespace() || letter == '\0')
            .filter(|word| !word.is_empty())
            .collect();
        let [_, month, day, time, year, ..] = words[..] else {
            return None;
        };
        let month = MONTHS.iter().position(|name| month.starts_with(name))? + 1;
        let mut parts = time.split(':').map(|part| part.parse::<u8>().ok());
        let time = (parts.next()??, parts.next()??, parts.next()??);
        let stamp = Self {
            month: Some(month as u8),
            day: Some(day.parse().ok()?),
            time: Some(time),
            ..Self::of_year(year.parse::<u16>().ok()?.into())
        };
        stamp.checked()
    }

    /// Seconds since 1970 in UTC, from a container that counts them. Small counts were never set.
    pub fn counted(seconds: i64) -> Option<Self> {
        let stamp = Self::from_wall(seconds, Some(0))?;
        (stamp.year >= FIRST_COUNTED).then_some(stamp)
    }

    fn from_wall(seconds: i64, offset: Option<i32>) -> Option<Self> {
        let (year, month, day) = civil(seconds.div_euclid(DAY))?;
        let second = seconds.rem_euclid(DAY);
        let part = |count: i64| count as u8;
        let stamp = Self {
            month: Some(month),
            day: Some(day),
            time: Some((
                part(second / 3600),
                part(second / 60 % 60),
                part(second % 60),
            )),
            offset,
            ..Self::of_year(year)
        };
        stamp.checked()
    }

    /// This with a fraction of a second, as EXIF keeps it apart.
    pub fn with_fraction(self, digits: &[u8]) -> Self {
        match milliseconds(leading_digits(digits).0) {
            Some(ms) if self.time.is_some() => Self {
                ms: Some(ms),
                ..self
            },
            _ => self,
        }
    }

    /// This with an offset such as `+02:00`, where it has none yet.
    pub fn with_offset(self, text: &[u8]) -> Self {
        match offset(text) {
            Some(minutes) if self.time.is_some() && self.offset.is_none() => Self {
                offset: Some(minutes),
                ..self
            },
            _ => self,
        }
    }

    /// This with the offset that a time in UTC at the same moment shows: both within a minute of a quarter of an hour.
    pub fn with_utc(self, utc: &Self) -> Self {
        if self.offset.is_some() || self.time.is_none() || utc.time.is_none() {
            return self;
        }
        let difference = self.wall() - utc.wall();
        let minutes = (difference as f64 / 900.0).round() as i64 * 15;
        let near = (difference - minutes * 60).abs() <= 60;
        if near && minutes.abs() <= i64::from(MAX_OFFSET) {
            return Self {
                offset: Some(minutes as i32),
                ..self
            };
        }
        self
    }

    /// A date with the time of another, where it has none itself.
    pub fn at_time(self, other: &[u8]) -> Self {
        let mut numbers = Numbers(other);
        let parts = [
            numbers.digits(2, 2),
            numbers.after_optional(b":", 2),
            numbers.after_optional(b":", 2),
        ];
        let [Some(hour), Some(minute), second] = parts else {
            return self;
        };
        let timed = Self {
            time: Some(clock(hour, minute, second)),
            offset: offset(numbers.0),
            ..self
        };
        timed.checked().unwrap_or(self)
    }

    /// Whether it says more than a day.
    pub fn has_time(&self) -> bool {
        self.time.is_some()
    }

    /// Seconds since 1970 of the clock on the wall.
    fn wall(&self) -> i64 {
        let (hour, minute, second) = self.time.unwrap_or_default();
        let days = days_from(self.year, self.month.unwrap_or(1), self.day.unwrap_or(1));
        days * DAY + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)
    }

    /// Milliseconds since 1970 of the clock on the wall.
    pub fn wall_ms(&self) -> i64 {
        self.wall() * 1000 + i64::from(self.ms.unwrap_or_default())
    }

    /// ISO 8601, no more exact than it is.
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!("{:04}", self.year);
        let mut add = |part: std::fmt::Arguments<'_>| {
            let _ = text.write_fmt(part);
        };
        if let Some(month) = self.month {
            add(format_args!("-{month:02}"));
        }
        if let Some(day) = self.day {
            add(format_args!("-{day:02}"));
        }
        if let Some((hour, minute, second)) = self.time {
            add(format_args!("T{hour:02}:{minute:02}:{second:02}"));
            if let Some(ms) = self.ms {
                add(format_args!(".{ms:03}"));
            }
            match self.offset {
                Some(0) => add(format_args!("Z")),
                Some(minutes) => {
                    let sign = if minutes < 0 { '-' } else { '+' };
                    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
                    add(format_args!("{sign}{hours:02}:{rest:02}"));
                }
                None => {}
            }
        }
        text
    }
}

/// Hour, minute, second of numbers of two digits; a leap second is the one before it.
fn clock(hour: u32, minute: u32, second: Option<u32>) -> (u8, u8, u8) {
    let second = second.unwrap_or_default().min(59);
    (hour as u8, minute as u8, second as u8)
}

/// The digits that bytes begin with, and what follows them.
fn leading_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    bytes.split_at(count.count())
}

fn milliseconds(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() {
        return None;
    }
    let digit = |at: usize| digits.get(at).map_or(0, |byte| u16::from(byte - b'0'));
    Some(digit(0) * 100 + digit(1) * 10 + digit(2))
}

/// `Z`, `+02:00`, `+0200`, `+02'00'`, `+2`: minutes east of UTC.
fn offset(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii();
    let (sign, rest) = match text {
        [b'Z' | b'z', ..] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let mut numbers = Numbers(rest);
    let hours = numbers.digits(1, 2)? as i32;
    let minutes = numbers.after_optional(b":'", 2).unwrap_or_default() as i32;
    let total = sign * (hours * 60 + minutes);
    (minutes < 60 && total.abs() <= MAX_OFFSET).then_some(total)
}

/// Digits from the start of bytes.
#[derive(Clone, Copy)]
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self
            .0
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(
            digits
                .iter()
                .fold(0, |number, byte| number * 10 + u32::from(byte - b'0')),
        )
    }

    /// One of these, and then one or two digits (a blank may stand for the first); nothing is taken if it is not so.
    fn after(&mut self, marks: &[u8], most: usize) -> Option<u32> {
        let mut ahead = *self;
        let (mark, rest) = ahead.0.split_first()?;
        if !marks.contains(mark) {
            return None;
        }
        ahead.0 = match rest {
            [b' ', rest @ ..] if *mark != b' ' => rest,
            rest => rest,
        };
        let number = ahead.digits(1, most)?;
        *self = ahead;
        Some(number)
    }

    fn after_optional(&mut self, marks: &[u8], most: usize) -> Option<u32> {
        self.after(marks, most).or_else(|| self.digits(2, most))
    }
}

fn days_in(year: i64, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date of the Gregorian calendar (Howard Hinnant's days_from_civil).
fn days_from(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970; none far beyond the calendar.
fn civil(days: i64) -> Option<(i64, u8, u8)> {
    let days = days.checked_add(719_468)?;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    Some((year, month as u8, day as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(text: &str) -> Option<String> {
        Stamp::exif(text.as_bytes()).map(|stamp| stamp.text())
    }

    fn iso(text: &str) -> Option<String> {
        Stamp::iso(text.as_bytes()).map(|stamp| stamp.text())
    }

    #[test]
    fn dates_of_exif_are_read_and_nonsense_is_none() {
        assert_eq!(
            exif("2024:05:31 14:03:22").as_deref(),
            Some("2024-05-31T14:03:22")
        );
        assert_eq!(
            exif("2024:05:31 14:03:22+02:00").as_deref(),
            Some("2024-05-31T14:03:22+02:00")
        );
        assert_eq!(
            exif("2024-05-31 14:03:22").as_deref(),
            Some("2024-05-31T14:03:22")
        );
        assert_eq!(exif("2003: 8: 4  9: 5: 1").as_deref(), Some("2003-08-04"));
        assert_eq!(exif("2024:05:31").as_deref(), Some("2024-05-31"));
        for nonsense in [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "1970:01:01 00:00:00",
            "1904:01:01 00:00:00",
            "2024:13:01 00:00:00",
            "2023:02:29 10:00:00",
            "2024:05:31 25:00:00",
            "9999:12:31 23:59:59",
            "",
            "hello",
        ] {
            assert_eq!(exif(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn iso_dates_keep_how_exact_they_are() {
        for text in [
            "2024",
            "2024-05",
            "2024-05-31",
            "2024-05-31T14:03:22",
            "2024-05-31T14:03:22.120-03:30",
            "2024-05-31T14:03:22Z",
        ] {
            assert_eq!(iso(text).as_deref(), Some(text));
        }
        assert_eq!(
            iso("2019-01-01T12:00:00+0100").as_deref(),
            Some("2019-01-01T12:00:00+01:00")
        );
        assert_eq!(
            iso("2019-01-01T12:00").as_deref(),
            Some("2019-01-01T12:00:00")
        );
    }

    #[test]
    fn other_forms() {
        let text = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.text()).unwrap_or_default();
        assert_eq!(
            text(Stamp::pdf(b"D:20240531140322+02'00'")),
            "2024-05-31T14:03:22+02:00"
        );
        assert_eq!(text(Stamp::pdf(b"D:2024")), "2024");
        assert_eq!(text(Stamp::digits(b"20240531")), "2024-05-31");
        assert_eq!(
            text(Stamp::asctime(b"Fri May 31 14:03:22 2024\n\0")),
            "2024-05-31T14:03:22"
        );
        assert_eq!(text(Stamp::counted(1_717_164_202)), "2024-05-31T14:03:22Z");
        assert_eq!(Stamp::counted(5), None);
        assert_eq!(Stamp::counted(i64::MAX), None);
        assert_eq!(Stamp::counted(i64::MIN), None);
    }

    #[test]
    fn offsets_come_from_the_clock_of_satellites() {
        let local = Stamp::exif(b"2024:05:31 14:03:22").unwrap();
        let utc = Stamp::exif(b"2024:05:31 12:03:05").unwrap();
        assert_eq!(local.with_utc(&utc).text(), "2024-05-31T14:03:22+02:00");
        let stale = Stamp::exif(b"2024:05:31 11:55:00").unwrap();
        assert_eq!(local.with_utc(&stale).text(), "2024-05-31T14:03:22");
        let far = Stamp::exif(b"2024:05:29 12:03:22").unwrap();
        assert_eq!(local.with_utc(&far).text(), "2024-05-31T14:03:22");
    }

    #[test]
    fn the_calendar_goes_both_ways() {
        for days in (-60_000..60_000).step_by(17) {
            let (year, month, day) = civil(days).unwrap();
            assert_eq!(days_from(year, month, day), days);
        }
    }
}
