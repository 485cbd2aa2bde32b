# What agents and notebooks develop in: Python, git, tests, a kernel, and the user of sandboxes.
FROM jupyter-mcp/base
ENV LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    curl less make patch procps python3-ipykernel python3-pip python3-pytest python3-venv ripgrep \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 sandbox && mkdir -p /workspace && chown 1000:1000 /workspace
