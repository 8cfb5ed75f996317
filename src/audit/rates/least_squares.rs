//! Weighted least squares on an intercept and one or two columns.

/// The solution, its standard errors and what is left.
pub(super) struct LeastSquares {
    pub(super) slopes: Vec<f64>,
    pub(super) slope_errors: Vec<f64>,
    pub(super) intercept: f64,
    pub(super) intercept_error: f64,
    pub(super) residuals: Vec<f64>,
    pub(super) residual_std: f64,
    pub(super) r_squared: f64,
    pub(super) degrees_of_freedom: usize,
}

/// What is left of a column after projection, relative to the column, must exceed this for its slope to mean anything.
const INDEPENDENCE: f64 = 1e-10;

/// Weighted least squares on an intercept and one or two columns, by Gram–Schmidt on centred columns (centring removes the intercept, the
/// one large correlation). `None` if the columns are dependent.
pub(super) fn least_squares(columns: &[Vec<f64>], response: &[f64], weights: &[f64]) -> Option<LeastSquares> {
    let total: f64 = weights.iter().sum();
    let mean = |v: &[f64]| v.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>() / total;
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).zip(weights).map(|((a, b), w)| a * b * w).sum::<f64>();
    let centred = |v: &[f64]| {
        let m = mean(v);
        v.iter().map(|x| x - m).collect::<Vec<_>>()
    };
    let subtract = |v: &mut [f64], c: f64, u: &[f64]| v.iter_mut().zip(u).for_each(|(v, u)| *v -= c * u);

    let first = centred(&columns[0]);
    let square = dot(&first, &first);
    let scale = columns[0].iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    if !(square.sqrt() > INDEPENDENCE * scale * total.sqrt()) {
        return None;
    }
    let response_centred = centred(response);
    let mut residuals = response_centred.clone();
    // Inverse of the normal matrix of the centred columns, from the triangular factor [1 r; 0 1].
    let (mut slopes, mut inverse) = (vec![0.0; columns.len()], [[1.0 / square, 0.0], [0.0, 0.0]]);
    slopes[0] = dot(&first, &residuals) / square;
    subtract(&mut residuals, slopes[0], &first);
    if let Some(column) = columns.get(1) {
        let mut second = centred(column);
        let size = dot(&second, &second);
        let mut r = dot(&first, &second) / square;
        subtract(&mut second, r, &first);
        // Once more: what the first projection left by rounding.
        let again = dot(&first, &second) / square;
        subtract(&mut second, again, &first);
        r += again;
        let rest = dot(&second, &second);
        if !(rest.sqrt() > INDEPENDENCE * size.sqrt()) {
            return None;
        }
        slopes[1] = dot(&second, &residuals) / rest;
        subtract(&mut residuals, slopes[1], &second);
        slopes[0] -= r * slopes[1];
        inverse = [[1.0 / square + r * r / rest, -r / rest], [-r / rest, 1.0 / rest]];
    }
    let degrees_of_freedom = response.len() - columns.len() - 1;
    let residual_square = dot(&residuals, &residuals);
    let variance = residual_square / degrees_of_freedom as f64;
    let spread = dot(&response_centred, &response_centred);
    let means: Vec<f64> = columns.iter().map(|c| mean(c)).collect();
    let intercept = mean(response) - means.iter().zip(&slopes).map(|(m, s)| m * s).sum::<f64>();
    let leverage: f64 =
        means.iter().enumerate().map(|(i, a)| means.iter().enumerate().map(|(j, b)| a * b * inverse[i][j]).sum::<f64>()).sum();
    Some(LeastSquares {
        slope_errors: (0..columns.len()).map(|i| (variance * inverse[i][i]).sqrt()).collect(),
        slopes,
        intercept,
        intercept_error: (variance * (1.0 / total + leverage)).sqrt(),
        residuals,
        residual_std: variance.sqrt(),
        r_squared: if spread > 0.0 { 1.0 - residual_square / spread } else { 1.0 },
        degrees_of_freedom,
    })
}
