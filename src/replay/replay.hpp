#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/replay/experiment.hpp"
#include "src/replay/result.hpp"
#include "workloads/forward.hpp"
#include "workloads/trace_reader.hpp"

/// One trace through one experiment.
namespace attohm {

/// A trace that several experiments share: the weights, small inputs, and what the exact network
/// says of each sample, read or computed once. May be used from several threads.
class ReplayTrace {
  public:
    /// Throws: UserError as TraceReader does.
    explicit ReplayTrace(const std::string& path);
    ~ReplayTrace();
    ReplayTrace(const ReplayTrace&) = delete;
    ReplayTrace& operator=(const ReplayTrace&) = delete;

    const TraceReader& reader() const { return reader_; }
    /// Null for a trace without weights.
    std::shared_ptr<const Weights> weights() const { return weights_; }
    /// Evaluated sample `index` for the closed loop; kept in memory while all that is kept stays
    /// below kKeptBytes, else read again. Throws: UserError where the weights do not say all about
    /// its attention.
    std::shared_ptr<const Sample> sample(int index);
    /// Logits of the exact network for evaluated sample `index`; kept or computed again likewise.
    std::shared_ptr<const Matrix<float>> exact_logits(int index);

  private:
    static constexpr std::size_t kKeptBytes = std::size_t{256} << 20;
    struct Kept;
    TraceReader reader_;
    std::shared_ptr<const Weights> weights_;
    std::unique_ptr<Kept> kept_;
};

/// Whether a scheme has anything to decide: graph and convolution networks have no attention.
inline bool has_attention(const ModelInfo& model) {
    return model.heads > 0;
}

/// Where nobody chose a scheme, the one that a trace of this kind is run with: the preset's, and
/// `exact` for a trace without attention.
void choose_scheme(const ReplayTrace& trace, Settings& settings);

/// Called after each finished unit of work (a sample, or a layer of one) with the number done and
/// of all.
using ReplayProgress = std::function<void(std::size_t done, std::size_t all)>;

/// Everything about settings that can be found wrong before anything is computed; marks every key
/// as read that `replay` reads. Returns: Mode::open or Mode::closed, as it will run.
/// Throws: UserError as `replay` does.
Mode check_replay(const ReplayTrace& trace, const Settings& settings);

/// Replays every evaluated sample; parallel over samples (closed loop) or heads (open loop). The
/// same settings give the same Result for any number of threads. `settings` are marked as read, but
/// keys that nobody read are the caller's to refuse (a sweep joins several experiments first).
/// Args: work: takes the work of every evaluated sample, in their order; null: not kept.
/// Throws: UserError for settings or traces that do not fit together.
Result replay(ReplayTrace& trace, const Settings& settings, const ReplayProgress& progress = {},
              WorkSink* work = nullptr);

}  // namespace attohm
