#pragma once

namespace attohm {

/// Things that fall at random into equal bins: requests on banks, pieces on channels.
class RandomBins {
  public:
    explicit RandomBins(int count);
    int count() const { return count_; }
    /// Mean number in the fullest bin when `things` have fallen, by the largest of `count` normals
    /// with the first correction for the skew of a Poisson number:
    ///     m + z sqrt(m (1 - 1/n)) + (z^2 - 1) / 6,  m = things / n, within 1 and all of them.
    /// Source: z after Blom, "Statistical estimates and transformed beta-variables", 1958;
    /// Cornish and Fisher, 1938.
    double fullest(double things) const;

  private:
    int count_;
    double largest_;  ///< mean of the largest of `count` standard normals
};

}  // namespace attohm
