#pragma once

#include <functional>
#include <span>
#include <vector>

#include "workloads/synth_head.hpp"

/// The scores of one head over all samples and windows, formed block by block from q and k.
namespace attohm {

/// Keys that a pattern or causality forbid have this score where they stand between others.
constexpr float kForbidden = -std::numeric_limits<float>::infinity();

/// A row of scores over the keys that its query may see, and the row before it.
struct ScoreRow {
    std::span<const float> scores;  ///< of keys 0, 1, ...
    std::span<const float> before;  ///< empty for the first query of a window
    std::int64_t visible = 0;       ///< keys that the query may see
    double position = 0.0;          ///< of the query, in keys
};

class HeadScores {
  public:
    HeadScores(const SynthSpec& spec, const AttentionSize& size, const SynthPlace& place,
               const std::vector<int>& valid);

    /// Draws the queries anew.
    void set(const QueryProcess& process);
    /// Calls f for every row of every window of every sample, in order.
    void for_each_row(const std::function<void(const ScoreRow&)>& f);
    /// Pairs that causality, pattern and padding allow.
    std::int64_t pairs() const { return pairs_; }
    /// A number that nearly every |score| stays below.
    float range() const;
    /// The threshold that about `kept` scores reach.
    float threshold(std::int64_t kept);

  private:
    struct Block {
        SynthPlace place;
        std::size_t n_q = 0, n_k = 0;
        Matrix<float> keys;
        Matrix<float> queries;
    };
    MatrixView<const float> form(Block& block, std::size_t first, std::size_t count,
                                 std::size_t offset);
    void forbid(const Block& block, std::size_t first, MatrixView<float> scores) const;
    ScoreRow row_of(const Block& block, MatrixView<const float> scores, std::size_t first,
                    std::size_t i, std::span<const float> last) const;
    std::size_t key_end(const Block& block, std::size_t query) const;

    AttentionSize size_;
    SynthContent content_;
    std::vector<Block> blocks_;
    std::vector<std::int64_t> visible_;  ///< of a pattern, by query
    std::int64_t pairs_ = 0;
    AlignedVector<float> scores_;
    bool held_ = false;
    bool fresh_ = false;
};

}  // namespace attohm
