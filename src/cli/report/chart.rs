//! Charts as SVG, from numbers and labels that are known to be harmless: dates, hours, times.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// About how many labels fit under a chart.
const MOST_LABELS: usize = 12;

/// Numbers of one kind: one for each label, none where nothing is known.
pub(super) struct Series {
    /// For the description of each bar.
    pub(super) name: &'static str,
    /// The class that gives it its colour.
    pub(super) class: &'static str,
    /// The numbers.
    pub(super) values: Vec<Option<f64>>,
}

/// A chart with one place for each label.
pub(super) struct Chart {
    /// Tells it from the others of the page.
    pub(super) id: &'static str,
    /// What it is.
    pub(super) title: &'static str,
    /// What it shows, for those who do not see it.
    pub(super) description: String,
    /// The places.
    pub(super) labels: Vec<String>,
    /// What is drawn, the first one behind.
    pub(super) series: Vec<Series>,
    /// How the axis ends at least, and its unit.
    pub(super) axis: Axis,
    /// Whether each number is part of the one of the series before it; else bars stand side by side.
    pub(super) nested: bool,
}

/// The vertical axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Axis {
    /// Numbers from 0.
    Numbers,
    /// Shares from 0 to 1, with a line at this one.
    Shares(f64),
}

impl Chart {
    /// Bars: those of later series in front of earlier ones, or beside them.
    pub(super) fn bars(&self) -> String {
        let scale = self.scale();
        let slot = self.slot();
        let beside = if self.nested { 1.0 } else { self.series.len() as f64 };
        let width = (slot * 0.78 / beside).max(1.0).min(slot);
        let mut marks = self.gaps();
        for (number, series) in self.series.iter().enumerate() {
            let shift = if self.nested { 0.0 } else { (number as f64 - (beside - 1.0) / 2.0) * width };
            for (place, (value, label)) in series.values.iter().zip(&self.labels).enumerate() {
                let Some(value) = value.filter(|value| *value > 0.0) else { continue };
                let (x, y) = (self.x(place) + shift - width / 2.0, scale.y(value));
                let height = (HEIGHT - BOTTOM - y).max(1.0);
                let _ = write!(
                    marks,
                    r#"<rect class="{}" x="{x:.1}" y="{:.1}" width="{width:.1}" height="{height:.1}" rx="1.5"><title>{label}: {} {}</title></rect>"#,
                    series.class,
                    HEIGHT - BOTTOM - height,
                    self.axis.exact(value),
                    series.name,
                );
            }
        }
        self.framed(&scale, &marks)
    }

    /// Lines with a dot at each place, broken where nothing is known.
    pub(super) fn lines(&self) -> String {
        let scale = self.scale();
        let mut marks = self.gaps();
        for series in &self.series {
            let points = series.values.iter().enumerate();
            let mut path = String::new();
            let mut dots = String::new();
            let mut is_drawing = false;
            for (place, value) in points {
                let Some(value) = *value else {
                    is_drawing = false;
                    continue;
                };
                let (x, y) = (self.x(place), scale.y(value));
                let _ = write!(path, "{}{x:.1} {y:.1}", if is_drawing { "L" } else { "M" });
                is_drawing = true;
                let label = self.labels.get(place).map_or("", String::as_str);
                let told = self.axis.exact(value);
                let _ = write!(
                    dots,
                    r#"<circle class="{}" cx="{x:.1}" cy="{y:.1}" r="2.6"><title>{label}: {told} {}</title></circle>"#,
                    series.class, series.name,
                );
            }
            let _ = write!(marks, r#"<path class="line {}" d="{path}"/>{dots}"#, series.class);
        }
        self.framed(&scale, &marks)
    }

    fn slot(&self) -> f64 {
        (WIDTH - LEFT - RIGHT) / self.labels.len().max(1) as f64
    }

    /// The middle of a place.
    fn x(&self, place: usize) -> f64 {
        LEFT + self.slot() * (place as f64 + 0.5)
    }

    fn scale(&self) -> Scale {
        let values = self.series.iter().flat_map(|series| series.values.iter().flatten());
        match self.axis {
            Axis::Shares(_) => Scale { step: 0.25, end: 1.0 },
            Axis::Numbers => Scale::for_numbers(values.fold(0.0, |most: f64, value| most.max(*value))),
        }
    }

    /// Places of which nothing is known.
    fn gaps(&self) -> String {
        let (slot, mut marks) = (self.slot(), String::new());
        if self.axis != Axis::Numbers {
            return marks;
        }
        for (place, label) in self.labels.iter().enumerate() {
            let is_known = self.series.iter().any(|series| matches!(series.values.get(place), Some(Some(_))));
            if !is_known {
                let x = self.x(place) - slot / 2.0;
                let height = HEIGHT - TOP - BOTTOM;
                let _ = write!(
                    marks,
                    r#"<rect class="gap" x="{x:.1}" y="{TOP}" width="{slot:.1}" height="{height}"><title>{label}: no data</title></rect>"#,
                );
            }
        }
        marks
    }

    fn framed(&self, scale: &Scale, marks: &str) -> String {
        let Self { id, title, description, .. } = self;
        let mut svg = format!(
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-title {id}-description"><title id="{id}-title">{title}</title><desc id="{id}-description">{description}</desc>"#,
        );
        for tick in scale.ticks() {
            let y = scale.y(tick);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" x2="{:.0}" y1="{y:.1}" y2="{y:.1}"/><text class="tick" x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 3.5,
                self.axis.short(tick),
            );
        }
        svg.push_str(marks);
        if let Axis::Shares(least) = self.axis {
            let y = scale.y(least);
            let _ = write!(
                svg,
                r#"<line class="threshold" x1="{LEFT}" x2="{:.0}" y1="{y:.1}" y2="{y:.1}"/>"#,
                WIDTH - RIGHT
            );
        }
        let every = self.labels.len().div_ceil(MOST_LABELS).max(1);
        for (place, label) in self.labels.iter().enumerate().filter(|(place, _)| place % every == 0) {
            let _ = write!(
                svg,
                r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                self.x(place),
                HEIGHT - 8.0,
                short_label(label),
            );
        }
        svg.push_str("</svg>");
        svg
    }
}

/// A date without its year, a bound without the words around it.
fn short_label(label: &str) -> String {
    match label.as_bytes() {
        [_, _, _, _, b'-', _, _, b'-', _, _] => label.get(5..).unwrap_or(label).to_owned(),
        _ => label.replace("up to ", "").replace("more than ", "&gt; "),
    }
}

impl Axis {
    fn short(self, value: f64) -> String {
        match self {
            Self::Shares(_) => format!("{:.0} %", value * 100.0),
            Self::Numbers if value >= 1_000_000.0 => format!("{}M", value / 1_000_000.0),
            Self::Numbers if value >= 10_000.0 => format!("{}k", value / 1_000.0),
            Self::Numbers => format!("{value}"),
        }
    }

    fn exact(self, value: f64) -> String {
        match self {
            Self::Shares(_) => super::figures::rate(Some(value)),
            Self::Numbers => super::figures::number(value as u64),
        }
    }
}

/// Where values are on the vertical axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    step: f64,
    end: f64,
}

impl Scale {
    /// Steps of 1, 2 or 5 times a power of ten, at most five of them, that reach beyond the largest number.
    fn for_numbers(largest: f64) -> Self {
        let wanted = (largest / 5.0).max(1.0);
        let power = 10_f64.powf(wanted.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| *step >= wanted).unwrap_or(wanted);
        Self { step, end: ((largest / step).ceil() * step).max(step) }
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value / self.end)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let (step, steps) = (self.step, (self.end / self.step).round() as u32);
        (0..=steps).map(move |place| f64::from(place) * step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_steps_and_room_for_the_largest_number() {
        for (largest, step, end) in [
            (0.0, 1.0, 1.0),
            (3.0, 1.0, 3.0),
            (7.0, 2.0, 8.0),
            (44.0, 10.0, 50.0),
            (101.0, 50.0, 150.0),
            (12_345.0, 5_000.0, 15_000.0),
        ] {
            assert_eq!(Scale::for_numbers(largest), Scale { step, end }, "{largest}");
        }
        assert_eq!(Scale::for_numbers(44.0).ticks().collect::<Vec<_>>(), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
    }

    fn chart(values: Vec<Option<f64>>, axis: Axis) -> Chart {
        let labels = (0..values.len()).map(|day| format!("2026-11-{:02}", day + 1)).collect();
        let series = vec![Series { name: "codes", class: "issued", values }];
        let description = "Codes by day.".to_owned();
        Chart { id: "c", title: "Codes", description, labels, series, axis, nested: true }
    }

    #[test]
    fn a_bar_is_as_high_as_its_number_and_a_gap_is_drawn_as_one() {
        let svg = chart(vec![Some(50.0), None, Some(0.0)], Axis::Numbers).bars();
        // 50 of 50 fills the axis; 0 is no bar, and no gap either.
        assert!(svg.contains(r#"height="184.0" rx="1.5"><title>2026-11-01: 50 codes</title>"#), "{svg}");
        assert_eq!(svg.matches("class=\"issued\"").count(), 1);
        assert_eq!(svg.matches("no data").count(), 1);
        assert!(svg.contains("2026-11-02: no data") && svg.contains(">11-01</text>"));
    }

    #[test]
    fn bars_that_are_no_part_of_each_other_stand_side_by_side() {
        let mut chart = chart(vec![Some(2.0)], Axis::Numbers);
        chart.series.push(Series { name: "locks", class: "locked", values: vec![Some(3.0)] });
        let places = |svg: &str| -> Vec<String> {
            let bars = svg.split(" x=\"").skip(1).filter(|rest| rest.contains("<title>2026"));
            bars.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        let nested = places(&chart.bars());
        assert_eq!(nested.first(), nested.get(1));
        chart.nested = false;
        let beside = places(&chart.bars());
        assert_ne!(beside.first(), beside.get(1));
    }

    #[test]
    fn a_line_is_broken_where_nothing_is_known() {
        let svg = chart(vec![Some(1.0), Some(0.5), None, Some(1.0)], Axis::Shares(0.9)).lines();
        let path = svg.split(" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("class=\"threshold\"") && svg.contains(">75 %</text>"));
    }

    #[test]
    fn a_chart_of_a_whole_year_has_a_dozen_labels() {
        let svg = chart(vec![Some(1.0); 366], Axis::Numbers).bars();
        assert!(svg.matches("text-anchor=\"middle\"").count() <= MOST_LABELS);
    }
}
