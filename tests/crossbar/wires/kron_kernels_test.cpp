#include "crossbar/wires/kron_kernels.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "crossbar/wires/kron_reduction.hpp"
#include "tests/crossbar/wires/wire_fixture.hpp"

using namespace attohm;
using namespace attohm::test;

namespace {

using Doubles = AlignedVector<double>;

Doubles random_doubles(std::size_t count, std::uint32_t seed) {
    std::mt19937 engine(seed);
    Doubles values(count);
    for (double& v : values) v = 0.01 + static_cast<double>(engine()) / 4294967296.0;
    return values;
}

void append(Doubles& all, const Doubles& some) {
    all.insert(all.end(), some.begin(), some.end());
}

/// A front of three panels of nodes and five of ports, nothing below the diagonal.
Doubles random_front(KronPanels& front, std::size_t rows, std::size_t panels) {
    Doubles data = random_doubles(rows * 8 * panels + rows, 3);
    for (std::size_t panel = 0; panel < rows / 8; ++panel) {
        for (std::size_t k = 0; k < rows; ++k) {
            for (std::size_t lane = 0; lane < 8; ++lane) {
                if (panel * 8 + lane <= k) data[panel * rows * 8 + k * 8 + lane] = 0.0;
            }
        }
    }
    front = {nullptr, nullptr, rows, panels};
    return data;
}

/// Everything that the kernels of one level compute from the same numbers.
Doubles all_results(const KronKernels& kernels) {
    Doubles all;
    Doubles lanes = random_doubles(lane_triangle(13) * kKronLanes, 1), inverse(5 * kKronLanes);
    kernels.eliminate_lanes(lanes.data(), 13, 5, inverse.data());
    append(all, lanes);
    Doubles joined = random_doubles(lane_triangle(17) * kKronLanes, 2);
    const std::uint8_t map[] = {0, 3, 4, 7, 8, 9, 11, 16};
    kernels.add_lanes(joined.data(), 17, lanes.data(), 13, 5, map);
    append(all, joined);
    Doubles x = random_doubles(13 * 3 * kKronLanes, 4);
    kernels.substitute_lanes(lanes.data(), 13, 5, inverse.data(), x.data(), 3);
    append(all, x);

    KronPanels front;
    Doubles data = random_front(front, 24, 8);
    front.data = data.data();
    front.inverse = data.data() + 24 * 8 * 8;
    kernels.factor(front, 22);
    append(all, data);
    Doubles c = random_doubles(40 * 40, 5);
    kernels.update(front, 0, 5, 0, 5, true, c.data(), 40);
    append(all, c);
    Doubles rhs = random_doubles(64 * 24, 6), one = random_doubles(64, 7);
    kernels.substitute(front, rhs.data(), 24, 24);
    kernels.substitute_one(front, one.data());
    append(all, rhs);
    append(all, one);
    Doubles product(16 * 24, 0.0);
    kernels.multiply(rhs.data(), 24, c.data(), 40, 16, 24, 40, product.data(), 24);
    append(all, product);
    return all;
}

}  // namespace

TEST_CASE("the Kron kernels give the same bytes at every SIMD level", "[property]") {
    const Doubles expected = all_results(kron_kernels(SimdLevel::baseline));
    for (const SimdLevel level : available_simd_levels()) {
        const Doubles got = all_results(kron_kernels(level));
        INFO(simd_level_name(level));
        REQUIRE(got.size() == expected.size());
        CHECK(std::memcmp(got.data(), expected.data(), got.size() * sizeof(double)) == 0);
    }
}

TEST_CASE("invert gives the inverse of a positive definite matrix", "[unit]") {
    for (const std::size_t m : {8, 24, 40}) {
        const Eigen::MatrixXd part = Eigen::MatrixXd::Random(static_cast<int>(m), 60);
        const Eigen::MatrixXd matrix = part * part.transpose();
        Doubles data(m * 2 * m + m, 0.0), c(m * m);
        const KronPanels front = {data.data(), data.data() + 2 * m * m, m, 2 * m / 8};
        for (std::size_t i = 0; i < m; ++i) {
            front.inverse[i] = matrix(static_cast<int>(i), static_cast<int>(i));
            for (std::size_t j = i + 1; j < m; ++j) {
                front.data[j / 8 * front.stride() + i * 8 + j % 8] =
                    -matrix(static_cast<int>(i), static_cast<int>(j));
            }
        }
        kron_kernels(best_simd_level()).invert(front, c.data(), m);
        const Eigen::MatrixXd inverse = matrix.inverse();
        double worst = 0.0;
        for (std::size_t k = 0; k < m * m; ++k) {
            worst = std::max(
                worst, std::abs(c[k] - inverse(static_cast<int>(k / m), static_cast<int>(k % m))));
        }
        CHECK(worst < 1e-9 * inverse.cwiseAbs().maxCoeff());
    }
}

TEST_CASE("what the drivers give, the sense nodes take, and the cells and wires turn to heat",
          "[property]") {
    for (const WireResistances& wires :
         {wires_of(2.5, 1.5, 300.0, 120.0), wires_of(2.5, 0.0, 0.0, 120.0, Drive::both_sides),
          wires_of(0.0, 1.5, 300.0, 0.0)}) {
        const Matrix<double> g = random_cells(29, 37, 12, 0.1);
        const WireNetwork net = make_wire_network(g.rows(), g.cols(), wires);
        KronReduction reduction(net, FarEnds::free);
        reduction.reduce(g.view(), false);
        Matrix<double> t(37, 29), a(29, 37), b(29, 37);
        reduction.transfer(t.view());
        std::vector<double> v(29);
        for (std::size_t i = 0; i < 29; ++i) v[i] = 0.1 + 0.01 * static_cast<double>(i * 7 % 29);
        reduction.voltages(v.data(), a.view(), b.view());

        double in = 0.0, given = 0.0, out = 0.0, heat = 0.0;
        const auto wire = [&](double siemens, double drop) { heat += siemens * drop * drop; };
        for (std::size_t i = 0; i < 29; ++i) {
            const double near = net.first * (v[i] - a(i, 0)), far = net.last * (v[i] - a(i, 36));
            in += near + far;
            given += v[i] * (near + far);
            wire(net.first, v[i] - a(i, 0));
            wire(net.last, v[i] - a(i, 36));
            for (std::size_t j = 0; j < 37; ++j) {
                wire(g(i, j), a(i, j) - b(i, j));
                if (j > 0) wire(net.row, a(i, j) - a(i, j - 1));
                if (i > 0) wire(net.column, b(i, j) - b(i - 1, j));
            }
        }
        for (std::size_t j = 0; j < 37; ++j) {
            for (std::size_t i = 0; i < 29; ++i) out += t(j, i) * v[i];
            wire(net.foot, b(28, j));
        }
        CHECK(out == Approx(in).epsilon(1e-11));
        CHECK(heat == Approx(given).epsilon(1e-11));
    }
}
