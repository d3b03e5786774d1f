# The image of Soundstage: docker build -t soundstage . && docker run -p 8000:8000 -v soundstage:/data soundstage
FROM python:3.13-slim AS build
WORKDIR /source
COPY requirements.lock ./
RUN python -m venv /opt/soundstage \
 && /opt/soundstage/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
RUN /opt/soundstage/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
# git: workspaces; bubblewrap: the sandbox of the process engine.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends bubblewrap git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 soundstage \
 && install --directory --owner soundstage /data
COPY --from=build /opt/soundstage /opt/soundstage
ENV PATH=/opt/soundstage/bin:$PATH PYTHONUNBUFFERED=1
USER soundstage
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
ENTRYPOINT ["soundstage"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--data-dir", "/data"]
