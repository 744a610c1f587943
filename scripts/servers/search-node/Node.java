// SPDX-License-Identifier: Apache-2.0
import VENDOR.common.settings.Settings;
import VENDOR.env.Environment;
import VENDOR.node.InternalSettingsPreparer;
import VENDOR.plugins.Plugin;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * One node of OpenSearch or Elasticsearch, from jars on the class path: Node FOLDER PORT PLUGINS [setting=value ...].
 * The two differ in their packages alone, here VENDOR; search-node.sh puts in the one that is meant.
 */
public final class Node {
    /** The constructor that takes plugin classes is protected. */
    private static final class ClassPathNode extends VENDOR.node.Node {
        ClassPathNode(Environment env, List<Class<? extends Plugin>> plugins) {
            super(env, plugins, false);
        }
    }

    private static int freePort() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath();
        int port = Integer.parseInt(args[1]);
        if (port == 0) port = freePort();
        List<Class<? extends Plugin>> plugins = new ArrayList<>();
        for (String name : args[2].split(",")) plugins.add(Class.forName(name).asSubclass(Plugin.class));
        Files.createDirectories(home.resolve("config"));
        Settings.Builder settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", home.resolve("data").toString())
            .put("path.logs", home.resolve("logs").toString())
            .put("cluster.name", "nek-test")
            .put("node.name", "node-1")
            .put("network.host", "127.0.0.1")
            .put("http.port", port)
            .put("transport.port", freePort())
            .put("discovery.type", "single-node")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("cluster.routing.allocation.disk.threshold_enabled", false);
        for (int i = 3; i < args.length; i++) {
            int equals = args[i].indexOf('=');
            settings.put(args[i].substring(0, equals), args[i].substring(equals + 1));
        }
        Environment env = InternalSettingsPreparer.prepareEnvironment(
            settings.build(), Map.of(), home.resolve("config"), () -> "node-1");
        VENDOR.node.Node node = new ClassPathNode(env, plugins);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
            stopped.countDown();
        }));
        node.start();
        // HTTP answers before the cluster state is recovered.
        node.client().admin().cluster().prepareHealth().setWaitForYellowStatus().setTimeout("60s").get();
        Files.writeString(home.resolve("url"), "http://127.0.0.1:" + port + "\n");
        stopped.await();
    }
}
