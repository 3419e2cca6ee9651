#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "src/work/selection_summary.hpp"
#include "src/work/work.hpp"

/// The work of one sample as it is kept for pricing later: what a planner was told, in its order.
namespace attohm {

struct StoredHead {
    HeadWork work;
    std::optional<SelectionSummary> kept;  ///< nothing: the scheme selects nothing
};

/// Which plans run the linear operators of a layer: a scheme may have others than the network,
/// which its baselines run.
enum class LayerUser : std::uint8_t { all, scheme, baselines };

struct StoredLayer {
    std::size_t after_heads = 0;  ///< heads of the sample that came before it
    LayerWork work;
    LayerUser user = LayerUser::all;
};

struct StoredSample {
    int sample = 0;  ///< ordinal in the trace
    std::vector<StoredHead> heads;
    std::vector<StoredLayer> layers;
};

/// Takes samples in their order.
class WorkSink {
  public:
    virtual ~WorkSink() = default;
    virtual void add(StoredSample sample) = 0;
};

/// Throws InvariantError unless a summary agrees with the counts of its head.
void check_summary(const HeadWork& work, const SelectionSummary& summary);

/// Keeps one sample. Belongs to one thread.
class WorkRecorder {
  public:
    void head(const HeadWork& work, const Selection& selection) {
        sample_.heads.push_back({work, summarizer_.summarise(selection)});
    }
    void head(const HeadWork& work) { sample_.heads.push_back({work, std::nullopt}); }
    void layer(const LayerWork& work, LayerUser user) {
        sample_.layers.push_back({sample_.heads.size(), work, user});
    }
    /// What was recorded; the recorder is ready for the next sample.
    StoredSample finish() {
        StoredSample done = std::move(sample_);
        sample_ = {};
        return done;
    }

  private:
    SelectionSummarizer summarizer_;
    StoredSample sample_;
};

}  // namespace attohm
