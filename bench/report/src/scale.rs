//! Where on an axis a figure is.

/// Figures further apart than this do not fit on a linear axis.
const FURTHEST: f64 = 20.0;

/// An axis from left to right, in pixels.
pub struct Scale {
    /// The figure at the left end: 0 if it is linear.
    least: f64,
    most: f64,
    left: i32,
    right: i32,
}

impl Scale {
    /// An axis that shows all of `figures`.
    pub fn of(figures: impl Iterator<Item = f64>, left: i32, right: i32) -> Scale {
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for figure in figures {
            least = least.min(figure);
            most = most.max(figure);
        }
        // Half of the least, so that its bar can be seen. 0 has no logarithm.
        let least = if least > 0.0 && most / least > FURTHEST { least / 2.0 } else { 0.0 };
        Scale { least, most: if most > 0.0 { most } else { 1.0 }, left, right }
    }

    pub fn is_logarithmic(&self) -> bool {
        self.least > 0.0
    }

    /// The pixel of a figure; the ends' for one that is off the axis.
    pub fn place(&self, figure: f64) -> i32 {
        let share = match self.is_logarithmic() {
            true => (figure / self.least).ln() / (self.most / self.least).ln(),
            false => figure / self.most,
        };
        self.left + (f64::from(self.right - self.left) * share.clamp(0.0, 1.0)).round() as i32
    }

    /// The figures to name on the axis: powers of ten, with 2 and 5 times each where there is room; or multiples of one
    /// of these.
    pub fn ticks(&self) -> Vec<f64> {
        if self.is_logarithmic() {
            let powers = self.least.log10().floor() as i32..=self.most.log10().floor() as i32;
            let times: &[f64] = if self.most / self.least > 500.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let ticks = powers.flat_map(|power| times.iter().map(move |times| times * 10_f64.powi(power)));
            return ticks.filter(|tick| (self.least..=self.most).contains(tick)).collect();
        }
        let power = 10_f64.powf((self.most / 5.0).log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| self.most / step <= 5.0);
        let step = step.unwrap_or(self.most);
        (0..=(self.most / step).floor() as u32).map(|times| f64::from(times) * step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_one_size_are_on_a_linear_axis() {
        let scale = Scale::of([5.0, 10.0].into_iter(), 100, 200);
        assert!(!scale.is_logarithmic());
        assert_eq!([0.0, 5.0, 10.0, 11.0].map(|figure| scale.place(figure)), [100, 150, 200, 200]);
        assert_eq!(scale.ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    }

    #[test]
    fn figures_far_apart_are_on_a_logarithmic_axis() {
        let scale = Scale::of([2.0, 100.0].into_iter(), 0, 100);
        assert!(scale.is_logarithmic());
        assert_eq!([1.0, 10.0, 100.0].map(|figure| scale.place(figure)), [0, 50, 100]);
        assert_eq!(scale.ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(Scale::of([2.0, 1000.0].into_iter(), 0, 100).ticks(), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn nothing_but_zeros_has_an_axis_too() {
        let scale = Scale::of([0.0].into_iter(), 0, 100);
        assert_eq!(scale.place(0.0), 0);
        assert!(!scale.ticks().is_empty());
    }
}
