#pragma once

#include "src/replay/result.hpp"

/// Logits against targets and against the exact network's.
namespace attohm {

/// Scores of the real tokens of a sample whose network has logits for every token.
/// Args: logits, exact: [N, classes]; sample: targets [N] or none; valid_len.
/// Throws: UserError when targets have another length.
TokenScores score_tokens(const Sample& sample, const Matrix<float>& logits,
                         const Matrix<float>& exact);

/// Largest |a - b|. Args: golden: stored logits, of the sample's dataset `name`; real_rows: rows
/// that count. Nothing where `golden` is empty. Throws: UserError when the shapes differ.
std::optional<double> golden_error(const Sample& sample, const char* name,
                                   const Matrix<float>& logits, const Matrix<float>& golden);

}  // namespace attohm
