#include "src/replay/metered_scheme.hpp"

#include <algorithm>
#include <cmath>

namespace attohm {

void add_fidelity(MatrixView<const float> out, MatrixView<const float> reference, std::size_t rows,
                  Fidelity& fidelity) {
    for (std::size_t t = 0; t < rows; ++t) {
        double error = 0.0, own = 0.0, ref = 0.0, product = 0.0, largest = 0.0;
        for (std::size_t c = 0; c < out.cols; ++c) {
            const auto a = static_cast<double>(out(t, c));
            const auto b = static_cast<double>(reference(t, c));
            error += (a - b) * (a - b);
            own += a * a;
            ref += b * b;
            product += a * b;
            largest = std::max(largest, std::abs(a - b));
        }
        fidelity.squared_error += error;
        fidelity.squared_reference += ref;
        fidelity.max_error = std::max(fidelity.max_error, largest);
        const double norms = std::sqrt(own * ref);
        const double both_zero = own == 0.0 && ref == 0.0 ? 1.0 : 0.0;
        fidelity.cosine_sum += norms > 0.0 ? product / norms : both_zero;
        ++fidelity.rows;
    }
}

void MeteredScheme::attention(int layer, std::span<const AttentionHead> heads,
                              MatrixView<float> out, SampleContext& context) const {
    inner_.attention(layer, heads, out, context);
    if (!compare_) return;
    for (std::size_t h = 0; h < heads.size(); ++h) {
        const AttentionHead& head = heads[h];
        const auto rows = static_cast<std::size_t>(head.valid_q);
        const MatrixView<float> columns = out.columns(h * head.dv(), head.dv());
        Matrix<float> reference(head.n_q(), head.dv());
        HeadFidelity fidelity{head.layer, head.head, {}, {}};
        exact_attention(head, reference.view());
        add_fidelity(columns, reference.view(), rows, fidelity.to_exact);
        if (threshold_ != nullptr) {
            SampleContext apart;
            apart.sample = context.sample;
            threshold_->attention(layer, {&head, 1}, reference.view(), apart);
            add_fidelity(columns, reference.view(), rows, fidelity.to_threshold.emplace());
        }
        fidelity_.push_back(std::move(fidelity));
    }
}

}  // namespace attohm
