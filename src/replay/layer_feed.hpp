#pragma once

#include <cstddef>
#include <future>
#include <vector>

#include "workloads/trace_reader.hpp"

/// Layers of a trace one after another, the next one read while the last one is worked on.
namespace attohm {

/// Some heads of one layer of one sample.
struct LayerPart {
    int sample = 0;
    int layer = 0;
    HeadRange heads;
    bool ends_layer = false;
};

/// Holds two parts at most: the one handed out last and the one being read.
class LayerFeed {
  public:
    /// Args: samples: must outlive the feed; layers 0 .. layers-1 of each, samples in order.
    LayerFeed(const TraceReader& reader, const std::vector<Sample>& samples, int layers);

    const std::vector<LayerPart>& parts() const { return parts_; }
    /// The next part of `parts`. Throws: what reading it threw.
    AttentionLayer next();

  private:
    void start();

    const TraceReader& reader_;
    const std::vector<Sample>& samples_;
    std::vector<LayerPart> parts_;
    std::size_t started_ = 0;
    std::future<AttentionLayer> reading_;
};

}  // namespace attohm
