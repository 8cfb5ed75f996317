//! What is run, and what is kept of it.

use crate::population::PopulationError;

/// Which recursion is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Method {
    /// Consistency training (CT): f_t(x) = E[f_{t−1}(X_{t−1}) | X_t = x].
    #[default]
    Training,
    /// Consistency distillation (CD) with the exact score: f_t(x) = f_{t−1}(E[X_{t−1} | X_t = x]).
    Distillation,
}

/// Which of the functions f_1, …, f_T a recursion keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Keep {
    /// Only f_T: memory does not grow with T.
    #[default]
    Last,
    /// All of them.
    All,
    /// Those listed, and f_T.
    Levels(Vec<usize>),
}

impl Keep {
    /// Checks the list against T.
    ///
    /// # Errors
    /// A listed level outside 1..=`steps`.
    ///
    /// ```
    /// use onestep::population::Keep;
    /// assert!(Keep::Levels(vec![3]).check(8).is_ok());
    /// assert!(Keep::Levels(vec![9]).check(8).is_err());
    /// ```
    pub fn check(&self, steps: usize) -> Result<(), PopulationError> {
        match self {
            Self::Levels(levels) => match levels.iter().find(|l| !(1..=steps).contains(*l)) {
                Some(&level) => Err(PopulationError::NoSuchLevel { level, steps }),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Whether f_t is kept in a run of `steps` levels.
    ///
    /// ```
    /// use onestep::population::Keep;
    /// assert!(Keep::Last.keeps(8, 8) && !Keep::Last.keeps(7, 8) && Keep::All.keeps(7, 8));
    /// ```
    #[must_use]
    pub fn keeps(&self, t: usize, steps: usize) -> bool {
        match self {
            Self::Last => t == steps,
            Self::All => (1..=steps).contains(&t),
            Self::Levels(levels) => t == steps || levels.contains(&t),
        }
    }
}
