// Kron kernels for networks in vector lanes; part of kron_kernels.inl.

/// to[0..count) += factor * from[0..count), vectors of lanes.
ATTOHM_INLINE void add_scaled(double* to, const double* from, const Vec* factor,
                              std::size_t count) {
    for (std::size_t j = 0; j < count; ++j) {
        for (std::size_t p = 0; p < kParts; ++p) {
            const std::size_t at = j * kKronLanes + p * kVecLanes;
            store(to + at, load(to + at) + factor[p] * load(from + at));
        }
    }
}

static void eliminate_lanes(double* front, std::size_t n, std::size_t e, double* inverse) {
    double* row = front;
    for (std::size_t k = 0; k < e; ++k) {
        const std::size_t count = n - k - 1;
        Vec factor[kParts];
        for (std::size_t p = 0; p < kParts; ++p) {
            Vec sum = load(row + p * kVecLanes);
            for (std::size_t j = 1; j < count; ++j) {
                sum += load(row + j * kKronLanes + p * kVecLanes);
            }
            const Vec reciprocal = 1.0 / sum;
            store(inverse + k * kKronLanes + p * kVecLanes, reciprocal);
        }
        double* to = row + count * kKronLanes;
        for (std::size_t i = 0; i + 1 < count; ++i) {
            for (std::size_t p = 0; p < kParts; ++p) {
                factor[p] = load(row + i * kKronLanes + p * kVecLanes) *
                            load(inverse + k * kKronLanes + p * kVecLanes);
            }
            const std::size_t rest = count - i - 1;
            add_scaled(to, row + (i + 1) * kKronLanes, factor, rest);
            to += rest * kKronLanes;
        }
        row += count * kKronLanes;
    }
}

static void add_lanes(double* front, std::size_t n, const double* child, std::size_t child_n,
                      std::size_t child_e, const std::uint8_t* map) {
    const double* from = child + lane_index(child_n, child_e, child_e + 1) * kKronLanes;
    const std::size_t ports = child_n - child_e;
    for (std::size_t i = 0; i + 1 < ports; ++i) {
        const std::size_t row = map[i];
        // Column 0 of the row would lie here; columns up to the diagonal do not exist.
        const std::size_t base = lane_index(n, row, row + 1) - (row + 1);
        for (std::size_t j = i + 1; j < ports; ++j) {
            double* to = front + (base + map[j]) * kKronLanes;
            for (std::size_t p = 0; p < kParts; ++p) {
                const std::size_t at = p * kVecLanes;
                store(to + at, load(to + at) + load(from + at));
            }
            from += kKronLanes;
        }
    }
}

static void substitute_lanes(const double* front, std::size_t n, std::size_t e,
                             const double* inverse, double* x, std::size_t width) {
    for (std::size_t k = e; k-- > 0;) {
        const double* row = front + lane_index(n, k, k + 1) * kKronLanes;
        const std::size_t count = n - k - 1;
        for (std::size_t c = 0; c < width; ++c) {
            for (std::size_t p = 0; p < kParts; ++p) {
                const double* below = x + ((k + 1) * width + c) * kKronLanes + p * kVecLanes;
                Vec sum = load(row + p * kVecLanes) * load(below);
                for (std::size_t j = 1; j < count; ++j) {
                    sum += load(row + j * kKronLanes + p * kVecLanes) *
                           load(below + j * width * kKronLanes);
                }
                store(x + (k * width + c) * kKronLanes + p * kVecLanes,
                      sum * load(inverse + k * kKronLanes + p * kVecLanes));
            }
        }
    }
}
