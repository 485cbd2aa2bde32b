# A screen with a browser for agents that click and type: X server, window manager, accessible names.
FROM jupyter-mcp/dev
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    at-spi2-core chromium dbus-x11 fonts-dejavu-core fonts-wqy-zenhei openbox \
    python3-pil python3-pyatspi python3-xlib x11-utils xterm xvfb \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /var/lib/openbox && echo '<openbox_menu/>' > /var/lib/openbox/debian-menu.xml
# `browser URL` opens Chromium on the screen, which begins with the first call of the tool "computer".
# The container is Chromium's sandbox: its own needs user namespaces, which seccomp refuses here.
RUN printf '%s\n' '#!/bin/sh' \
    'told="$HOME/.cache/jupyter-mcp/desktop"' \
    'if [ ! -r "$told" ]; then' \
    '    echo "browser: waiting for the screen; the tool computer begins it" >&2' \
    '    for second in $(seq 30); do [ -r "$told" ] || sleep 1; done' \
    'fi' \
    'if [ ! -r "$told" ]; then' \
    '    echo "browser: there is no screen; call computer(action=\"screenshot\") first" >&2' \
    '    exit 1' \
    'fi' \
    '. "$told"' \
    'size=$(xdpyinfo | sed -n "s/.*dimensions: *\\([0-9]*\\)x\\([0-9]*\\).*/\\1,\\2/p")' \
    'setsid chromium --no-sandbox --test-type --disable-dev-shm-usage --disable-gpu \' \
    '    --force-renderer-accessibility --no-first-run --no-default-browser-check \' \
    '    --password-store=basic --hide-crash-restore-bubble --noerrdialogs --disable-sync \' \
    '    --disable-background-networking --disable-component-update --disable-breakpad \' \
    '    --disable-features=Translate,MediaRouter,OptimizationHints --disk-cache-size=4194304 \' \
    '    --renderer-process-limit=4 --user-data-dir="$HOME/.config/browser" \' \
    '    --window-position=0,0 --window-size="$size" "$@" </dev/null >"$HOME/browser.log" 2>&1 &' \
    > /usr/local/bin/browser && chmod 755 /usr/local/bin/browser
