// swift-tools-version: 6.2
import PackageDescription

/// The targets, lowest first: a target may depend only on those above it.
/// docs/ARCHITECTURE.md says what each is responsible for.
let package = Package(
    name: "swift-mf",
    products: [
        .library(
            name: "MatrixFactorization",
            targets: [
                "Failures", "ArrayFiles", "ZeroMQ", "Ratings", "LeastSquares", "Ranking", "Training", "Cluster",
                "ClusterRuntime", "Model", "Evaluation",
            ]),
        .executable(name: "mf", targets: ["mf"]),
        .executable(name: "mf-coordinator", targets: ["mf-coordinator"]),
        .executable(name: "mf-worker", targets: ["mf-worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // Foundations: they know nothing of ratings.
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "CKernels"),
        .target(name: "Failures"),
        .target(name: "ArrayFiles", dependencies: ["CLinux", "Failures"]),
        .target(name: "ZeroMQ", dependencies: ["CLinux", "CZeroMQ", "Failures"]),

        // Ratings and the mathematics: no sockets, no processes.
        .target(name: "Ratings", dependencies: ["ArrayFiles", "Failures"]),
        .target(name: "LeastSquares", dependencies: ["CKernels", "Ratings", "Failures"]),
        .target(name: "Ranking"),
        .target(name: "Training", dependencies: ["LeastSquares", "Ranking", "Ratings", "Failures"]),
        .target(
            name: "Model", dependencies: ["ArrayFiles", "Ratings", "LeastSquares", "Ranking", "Training", "Failures"]),
        .target(
            name: "Evaluation",
            dependencies: ["ArrayFiles", "Model", "LeastSquares", "Ranking", "Ratings", "Failures"]),
        .target(name: "Tuning", dependencies: ["Training", "Ratings", "ArrayFiles", "Failures"]),

        // The cluster: pure state machines, and the shells that carry out their actions.
        .target(
            name: "Cluster",
            dependencies: [
                "Training", "Ranking", "ArrayFiles", "Failures",
                .product(name: "DequeModule", package: "swift-collections"),
            ]),
        .target(
            name: "ClusterRuntime",
            dependencies: [
                "CLinux", "Cluster", "ZeroMQ", "Model", "Failures", .product(name: "Logging", package: "swift-log"),
            ]),

        // The commands.
        .target(
            name: "CommandSupport",
            dependencies: [
                "ClusterRuntime", "LeastSquares", "ZeroMQ", "Failures", .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "mf-worker", dependencies: ["CommandSupport"]),
        .executableTarget(name: "mf-coordinator", dependencies: ["CommandSupport"]),
        .executableTarget(
            name: "mf",
            dependencies: [
                "CommandSupport", "Evaluation", "Tuning", .product(name: "Subprocess", package: "swift-subprocess"),
            ]),

        // What reads bytes of others, for fuzzing (deploy/fuzz.sh) and for replaying what it found.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "ArrayFiles", "ZeroMQ", "Ratings", "Ranking", "LeastSquares", "Training", "Model", "Cluster",
                "ClusterRuntime", "Failures", .product(name: "DequeModule", package: "swift-collections"),
            ]),

        // Tests.
        .target(
            name: "TestKit",
            dependencies: [
                "CLinux", "ArrayFiles", "Ratings", "Cluster", "ClusterRuntime",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .testTarget(name: "ArrayFilesTests", dependencies: ["ArrayFiles", "TestKit"]),
        .testTarget(name: "ZeroMQTests", dependencies: ["ZeroMQ", "Failures"]),
        .testTarget(name: "RatingsTests", dependencies: ["Ratings", "TestKit"]),
        .testTarget(name: "LeastSquaresTests", dependencies: ["LeastSquares", "TestKit"]),
        .testTarget(name: "TrainingTests", dependencies: ["Training", "Ranking", "TestKit"]),
        .testTarget(name: "TuningTests", dependencies: ["Tuning", "CommandSupport", "TestKit"]),
        .testTarget(name: "ModelTests", dependencies: ["Model", "Evaluation", "Ranking", "TestKit"]),
        .testTarget(name: "ClusterTests", dependencies: ["Cluster", "ClusterRuntime", "Ranking", "ZeroMQ", "TestKit"]),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzTargets", "TestKit"], exclude: ["Hostile"]),
        .testTarget(
            name: "CommandTests", dependencies: ["TestKit", "LeastSquares", "mf", "mf-coordinator", "mf-worker"]),
    ],
    swiftLanguageModes: [.v6]
)
