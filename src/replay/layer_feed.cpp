#include "src/replay/layer_feed.hpp"

#include "src/base/error.hpp"

namespace attohm {

LayerFeed::LayerFeed(const TraceReader& reader, const std::vector<Sample>& samples, int layers)
    : reader_(reader), samples_(samples) {
    for (std::size_t s = 0; s < samples.size(); ++s) {
        for (int layer = 0; layer < layers; ++layer) {
            for (const HeadRange& heads : reader.head_ranges(samples[s], layer, kReadBytes))
                parts_.push_back({static_cast<int>(s), layer, heads, false});
            parts_.back().ends_layer = true;
        }
    }
    start();
}

void LayerFeed::start() {
    if (started_ == parts_.size()) return;
    const LayerPart part = parts_[started_++];
    reading_ = std::async(std::launch::async, [this, part] {
        return reader_.heads(samples_[static_cast<std::size_t>(part.sample)], part.layer,
                             part.heads, false);
    });
}

AttentionLayer LayerFeed::next() {
    ATTOHM_CHECK(reading_.valid());
    AttentionLayer layer = reading_.get();
    start();
    return layer;
}

}  // namespace attohm
