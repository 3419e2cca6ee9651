#include "workloads/trace.hpp"

#include "src/base/error.hpp"

namespace attohm {

AttentionHead head_view(const AttentionLayer& layer, int sample, int head) {
    const int local = head - layer.first_head;
    ATTOHM_CHECK(local >= 0 && static_cast<std::size_t>(local) < layer.q.planes);
    const auto plane = static_cast<std::size_t>(local);
    // Also right for windows: they are the slow part of both plane numbers.
    const std::size_t kv_plane = plane * layer.k.planes / layer.q.planes;
    const auto n_q = static_cast<std::size_t>(layer.n_q);
    const auto n_k = static_cast<std::size_t>(layer.n_k);
    AttentionHead view;
    view.sample = sample;
    view.layer = layer.layer;
    const std::size_t all = layer.all_planes > 0 ? layer.all_planes : layer.q.planes;
    const int heads = static_cast<int>(all / static_cast<std::size_t>(layer.windows));
    view.head = head % heads;
    view.window = head / heads;
    // Heads in memory begin with a whole group of query heads.
    const std::size_t first_kv =
        static_cast<std::size_t>(layer.first_head) * layer.k.planes / layer.q.planes;
    view.kv_head = static_cast<int>(first_kv + kv_plane);
    view.first_of_kv_head = plane == 0 || (plane - 1) * layer.k.planes / layer.q.planes != kv_plane;
    view.valid_q = layer.valid_q;
    view.valid_k = layer.valid_k;
    view.causal = layer.causal;
    view.scale = layer.scale;
    view.q = layer.q.plane(plane);
    view.k = layer.k.plane(kv_plane);
    view.v = layer.v.plane(kv_plane);
    if (!layer.out.empty()) view.golden = layer.out.plane(plane);
    if (!layer.bias.empty()) view.bias = layer.bias.plane(layer.bias.planes == 1 ? 0 : plane);
    if (!layer.mask.empty()) {
        const std::size_t mask_plane = layer.mask_planes == 1 ? 0 : plane;
        view.mask = {layer.mask.data() + mask_plane * n_q * n_k, n_q, n_k};
    }
    return view;
}

}  // namespace attohm
